"""The decoder of PRP: its sizes, where it looks, and which errors count."""

import math

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn import functional as F

from videossl.models import ConvPoolNeck, ReconstructionHead
from videossl.models.embeddings import Embeddings
from videossl.models.heads import motion_attention
from videossl.models.heads.reconstruction_head import reconstruction_error
from videossl.registry import MODELS

RATES = (1, 2, 4, 8)


def mask_by_hand(target: np.ndarray, rate: int) -> np.ndarray:
    """The mask of one sample [3, 32, H, W], window by window, for every frame: [3, 32, 13, 13] before it is resized."""
    side, (frames, windows) = target.shape[-1], (32, rate)
    places = {1: (0, 10, 20, 30), 2: (0, 5, 10, 15), 4: (0, 2, 5, 7), 8: (0, 1, 2, 3)}[rate]
    mask = np.empty((3, frames, 13, 13))
    length = frames // windows
    for window in range(windows):
        chosen = [target[:, window * length + place].astype(np.float64) for place in places]
        squares = [(late - early) ** 2 for early, late in zip(chosen, chosen[1:])]
        for channel in range(3):
            grid = np.array(
                [
                    [
                        np.mean(
                            [
                                square[
                                    channel,
                                    row * side // 16 : row * side // 16 + side // 4,
                                    column * side // 16 : column * side // 16 + side // 4,
                                ]
                                for square in squares
                            ]
                        )
                        for column in range(13)
                    ]
                    for row in range(13)
                ]
            )
            grid = (grid - grid.min() + 1e-6) / (grid.max() - grid.min() + 1e-6)
            mask[channel, window * length : (window + 1) * length] = 0.8 + 1.2 * grid
    return mask


def every_frame(mask: torch.Tensor) -> torch.Tensor:
    return mask.repeat_interleave(32 // mask.shape[2], dim=2)


def test_the_mask_is_that_of_the_windows_written_out():
    target = torch.rand(4, 3, 32, 32, 32)
    mask = every_frame(motion_attention(target, torch.tensor([3, 0, 2, 1]), RATES))
    assert mask.shape == (4, 3, 32, 32, 32)
    for sample, rate in enumerate((8, 1, 4, 2)):
        grid = torch.from_numpy(mask_by_hand(target[sample].numpy(), rate))
        by_hand = F.interpolate(grid, (32, 32), mode='bilinear', align_corners=False)
        torch.testing.assert_close(mask[sample].double(), by_hand, rtol=1e-4, atol=1e-4)
    assert mask.min() >= 0.8 - 1e-5 and mask.max() <= 2 + 1e-5


@pytest.mark.parametrize('rate', range(4))
def test_a_stretch_without_motion_counts_double_everywhere(rate):
    target = torch.rand(1, 3, 1, 32, 32).expand(-1, -1, 32, -1, -1)
    torch.testing.assert_close(
        motion_attention(target, torch.tensor([rate]), RATES), torch.full((1, 3, 8, 32, 32), 2.0), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize('rate', range(4))
def test_the_mask_is_largest_where_something_moves(rate):
    target = torch.zeros(1, 3, 32, 64, 64)
    for frame in range(32):
        target[0, :, frame, 40:48, 20 + frame % 4 : 28 + frame % 4] = 1
    target[0, :, ::2] = target[0, :, ::2].roll(2, -1)
    mean = every_frame(motion_attention(target, torch.tensor([rate]), RATES)).mean((0, 1, 2))
    row, column = divmod(int(mean.argmax()), 64)
    assert 36 <= row <= 52 and 12 <= column <= 40
    assert mean[:16].max() < 1 < mean[row, column]


@pytest.mark.parametrize(
    ('channels', 'sides', 'size'), [(512, (2, 7, 7), (32, 112, 112)), (128, (2, 4, 4), (32, 64, 64))]
)
def test_the_decoder_doubles_every_side_four_times(channels, sides, size):
    with torch.device('meta'):
        head = ReconstructionHead(channels)
        frames = head(torch.empty(1, channels, *sides))
    assert frames.shape == (1, 3, *size)
    widths = [channels, channels // 2, channels // 4, channels // 8, 3]
    by_hand = 27 * channels * channels + 2 * channels  # convolution without bias, batch norm
    for inputs, outputs in zip(widths, widths[1:]):
        by_hand += 8 * inputs * inputs + inputs + 27 * inputs * outputs + 2 * outputs
    assert sum(parameter.numel() for parameter in head.parameters()) == by_hand


@pytest.fixture
def head():
    return MODELS.build(dict(type='ReconstructionHead', in_channels=8)).eval()


@pytest.fixture
def batch(samples_with):
    """A function from rates to a map and samples of 32 x 32 pixels."""

    def build(*rates):
        target = torch.randint(0, 256, (len(rates), 3, 32, 32, 32), dtype=torch.uint8)
        return torch.rand(len(rates), 1, 8, 2, 2, 2), samples_with(target_frames=target, gt_rate=[[r] for r in rates])

    return build


def test_a_perfect_reconstruction_has_no_loss(head, batch):
    maps, samples = batch(0, 3)
    target = torch.stack([sample.target_frames for sample in samples]).float() / 255
    head.decoder = torch.nn.Module()
    head.decoder.forward = lambda feature_map: target
    assert head.loss(Embeddings(maps), samples) == dict(loss_reconstruction=0)


def test_without_a_mask_the_loss_is_the_mean_squared_error(batch):
    head = ReconstructionHead(8, mask='none', loss_weight=3).eval()
    maps, samples = batch(1, 2, 3)
    target = torch.stack([sample.target_frames for sample in samples]).float() / 255
    expected = 3 * F.mse_loss(head(maps[:, 0]), target)
    torch.testing.assert_close(head.loss(Embeddings(maps), samples)['loss_reconstruction'], expected)


def test_at_rate_one_frames_that_the_video_does_not_have_do_not_count(head, batch):
    maps, samples = batch(0)
    before = head.loss(Embeddings(maps), samples)['loss_reconstruction']
    samples[0].target_frames[:, 1::2] = 255 - samples[0].target_frames[:, 1::2]
    assert torch.equal(head.loss(Embeddings(maps), samples)['loss_reconstruction'], before)
    samples[0].target_frames[:, 2] = 255 - samples[0].target_frames[:, 2]
    assert not torch.equal(head.loss(Embeddings(maps), samples)['loss_reconstruction'], before)


def test_the_loss_of_a_batch_is_the_mean_of_its_samples_whatever_their_rates(head, batch):
    maps, samples = batch(0, 3, 1, -100)
    together = head.loss(Embeddings(maps), samples)['loss_reconstruction']
    alone = [head.loss(Embeddings(maps[[i]]), samples[i : i + 1])['loss_reconstruction'] for i in range(4)]
    torch.testing.assert_close(together, sum(alone) / 4)


def test_errors_are_weighted_by_the_mask_of_their_own_frames():
    target = torch.rand(1, 3, 32, 32, 32)
    frames = target.clone()
    frames[0, 1, 12] += 0.5
    mask = every_frame(motion_attention(target, torch.tensor([2]), RATES))
    expected = (0.25 * mask[0, 1, 12]).sum() / target.numel()
    torch.testing.assert_close(reconstruction_error(frames, target, torch.tensor([2]), RATES, 'motion'), expected)


def test_the_whole_loss_of_a_guess_is_the_reconstruction_and_a_tenth_of_ln_4(samples_with):
    head = MODELS.build(
        dict(type='ClipClassificationHead', in_channels=4, num_classes=4, label='gt_rate', loss_weight=0.1)
    )
    for parameter in head.parameters():
        torch.nn.init.zeros_(parameter)
    results = head.loss(Embeddings(torch.rand(2, 1, 4)), samples_with(gt_rate=[[3], [1]]))
    assert results['loss_rate'].item() == pytest.approx(0.1 * math.log(4))


def test_frames_of_another_size_are_refused(head, batch):
    maps, samples = batch(1)
    with pytest.raises(ValueError, match='divide time by 8'):
        head.loss(Embeddings(torch.rand(1, 1, 8, 1, 2, 2)), samples)


def test_the_loss_takes_no_value_from_the_device(samples_with):
    with FakeTensorMode():
        target = torch.zeros(2, 3, 32, 32, 32, dtype=torch.uint8)
        samples = samples_with(target_frames=target, gt_rate=torch.zeros(2, 1, dtype=torch.int64))
        loss = ReconstructionHead(8).loss(Embeddings(torch.rand(2, 1, 8, 2, 2, 2)), samples)['loss_reconstruction']
        loss.backward()
        with pytest.raises(DataDependentOutputException):
            float(loss.detach())


def test_every_parameter_gets_a_gradient(batch):
    head = ReconstructionHead(8)
    maps, samples = batch(1, 3)
    head.loss(Embeddings(maps), samples)['loss_reconstruction'].backward()
    assert all(parameter.grad is not None for parameter in head.parameters())


def test_the_necks_convolution_comes_before_its_average():
    neck = ConvPoolNeck(4, 6).eval()
    feature_map = torch.rand(2, 4, 2, 3, 3)
    convolved = F.conv3d(feature_map, neck.layers[0].weight, padding=1) / math.sqrt(1 + 1e-5)
    torch.testing.assert_close(neck(feature_map), convolved.clamp(min=0).mean((2, 3, 4)))
