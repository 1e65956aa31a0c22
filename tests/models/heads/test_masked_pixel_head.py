"""The decoder of the masked autoencoder: cubes, targets, and which pixel every prediction is compared with."""

import math

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from videossl.errors import ConfigError
from videossl.models import MaskedPixelHead
from videossl.models.embeddings import Embeddings
from videossl.models.heads.masked_pixel_head import chosen_cells, cubes_of, normalised_cubes

VISIBLE, MASKED = [[0, 3], [1, 5]], [[1, 2, 4, 5], [0, 2, 3, 4]]  # of 2 rows of 3 cells
PIXELS = 2 * 4 * 4  # of a cube and channel


def head(**changes) -> MaskedPixelHead:
    sizes = dict(in_channels=6, patch_size=4, decoder_channels=8, decoder_depth=2, decoder_heads=2)
    return MaskedPixelHead(**{**sizes, **changes})


def batch() -> Embeddings:
    """Two samples of one clip of 4 frames of 8x12 pixels."""
    return Embeddings(torch.randn(2, 1, 6, 2, 1, 2), clips=torch.rand(2, 1, 3, 4, 8, 12))


@pytest.fixture
def samples(samples_with) -> list:
    return samples_with(gt_visible_cells=[[row] for row in VISIBLE], gt_masked_cells=[[row] for row in MASKED])


def test_every_pixel_is_in_its_cube_and_the_cubes_give_the_clip_back():
    clips = torch.arange(2 * 3 * 4 * 8 * 12).view(2, 3, 4, 8, 12)
    cubes = cubes_of(clips, 2, 4)
    assert cubes.shape == (2, 2, 6, PIXELS, 3)
    back = torch.empty_like(clips)
    for frame in range(4):
        for row in range(8):
            for column in range(12):
                cell, inside = (row // 4) * 3 + column // 4, ((frame % 2) * 4 + row % 4) * 4 + column % 4
                back[:, :, frame, row, column] = cubes[:, frame // 2, cell, inside]
    assert torch.equal(back, clips)


def test_a_normalised_cube_has_mean_0_and_unbiased_variance_1_in_each_channel():
    cubes = normalised_cubes(5 + 3 * torch.randn(2, 2, 6, PIXELS, 3))
    torch.testing.assert_close(cubes.mean(3), torch.zeros(2, 2, 6, 3), rtol=0, atol=1e-5)
    torch.testing.assert_close(cubes.var(3, correction=1), torch.ones(2, 2, 6, 3), rtol=1e-4, atol=0)
    assert normalised_cubes(torch.full((1, PIXELS, 3), 0.5)).abs().max() == 0  # a flat cube


def test_chosen_cells_are_those_of_every_slice():
    cubes = torch.arange(2 * 2 * 6).view(2, 2, 6, 1, 1).float()
    assert chosen_cells(cubes, torch.tensor(VISIBLE))[..., 0, 0].tolist() == [[[0, 3], [6, 9]], [[13, 17], [19, 23]]]


def predicting(tested: MaskedPixelHead, cubes: torch.Tensor) -> MaskedPixelHead:
    """The head, whose predictions are these."""
    tested.forward = lambda *_: cubes
    return tested


def test_a_perfect_prediction_has_no_loss_and_zero_has_that_of_the_variance(samples):
    embeddings, tested = batch(), head()
    target = tested.targets(embeddings.clips.flatten(0, 1), torch.tensor(MASKED))
    assert target.shape == (2, 2, 4, PIXELS, 3)
    perfect = predicting(tested, target).loss(embeddings, samples)
    assert perfect['loss_pixels'] == 0 and perfect['acc_pixels'] == 1
    zero = predicting(tested, torch.zeros_like(target)).loss(embeddings, samples)
    assert zero['loss_pixels'].item() == pytest.approx((PIXELS - 1) / PIXELS, rel=1e-4)
    assert zero['acc_pixels'].item() == pytest.approx(0, abs=1e-4)
    assert head().loss(embeddings, samples)['acc_pixels'] < 0, 'untrained'


def test_the_loss_is_the_mean_square_over_the_masked_pixels_written_out(samples):
    embeddings, tested = batch(), head(loss_weight=0.5)
    predictions = torch.randn(2, 2, 4, PIXELS, 3)
    total, count = 0.0, 0
    for sample in range(2):
        clip = embeddings.clips[sample, 0].double()
        for time in range(2):
            for place, cell in enumerate(MASKED[sample]):
                row, column = 4 * (cell // 3), 4 * (cell % 3)
                for channel in range(3):
                    cube = clip[channel, 2 * time : 2 * time + 2, row : row + 4, column : column + 4].flatten()
                    mean = sum(cube) / PIXELS
                    std = math.sqrt(sum((value - mean) ** 2 for value in cube) / (PIXELS - 1))
                    target = (cube - mean) / (std + 1e-6)
                    total += float(((predictions[sample, time, place, :, channel].double() - target) ** 2).sum())
                    count += PIXELS
    loss = predicting(tested, predictions).loss(embeddings, samples)['loss_pixels']
    assert loss.item() == pytest.approx(0.5 * total / count, rel=1e-5)


def test_visible_pixels_alter_no_target_and_masked_ones_do(samples):
    embeddings, tested = batch(), head()
    before = tested.targets(embeddings.clips[:, 0], torch.tensor(MASKED))
    clips = embeddings.clips.clone()
    clips[0, 0, :, :, :4, :4] = torch.rand(3, 4, 4, 4)  # cell 0 of the first sample is visible, of the second masked
    assert torch.equal(tested.targets(clips[:, 0], torch.tensor(MASKED)), before)
    clips[1, 0, :, :, :4, :4] = torch.rand(3, 4, 4, 4)
    after = tested.targets(clips[:, 0], torch.tensor(MASKED))
    assert torch.equal(after[0], before[0]) and torch.equal(after[1, :, 1:], before[1, :, 1:])
    assert not torch.equal(after[1, :, 0], before[1, :, 0])


def test_predictions_are_in_the_order_of_the_masked_cells_by_their_positions():
    """A decoder without blocks sees a masked token and its position alone: a prediction follows its cell and its slice."""
    tested = head(decoder_depth=1)
    tested.blocks = nn.Identity()
    visible_map = torch.randn(2, 6, 2, 1, 2)
    found = tested(visible_map, torch.tensor(VISIBLE), torch.tensor(MASKED))
    assert found.shape == (2, 2, 4, PIXELS, 3)
    for sample in range(2):
        for time in range(2):
            for place, cell in enumerate(MASKED[sample]):
                number = time * 6 + cell
                angles = [number / 10000 ** (channel // 2 * 2 / 8) for channel in range(8)]
                position = [math.cos(a) if channel % 2 else math.sin(a) for channel, a in enumerate(angles)]
                token = tested.mask_token + torch.tensor(position)
                expected = tested.pixels(tested.norm(token)).view(PIXELS, 3)
                torch.testing.assert_close(found[sample, time, place], expected)


def test_positions_by_axes_are_those_of_the_cells_row_and_column(samples):
    tested = head(decoder_depth=1, positions='axes')
    tested.blocks = nn.Identity()
    embeddings, found = batch(), []
    forward = tested.forward
    tested.forward = lambda *given: found.append(forward(*given)) or found[-1]
    tested.loss(embeddings, samples)
    for sample in range(2):
        for place, cell in enumerate(MASKED[sample]):
            waves = [math.sin(1), math.sin(0.1), math.cos(1), math.cos(0.1)]  # of the second slice, in 4 of 8 channels
            waves += [wave(side) for side in (cell // 3, cell % 3) for wave in (math.sin, math.cos)]
            expected = tested.pixels(tested.norm(tested.mask_token + torch.tensor(waves))).view(PIXELS, 3)
            torch.testing.assert_close(found[0][sample, 1, place], expected)


def test_the_order_in_which_cells_are_named_does_not_matter(samples_with):
    embeddings, tested = batch(), head()
    visible, masked = [[3, 0], [5, 1]], [[5, 1, 4, 2], [4, 0, 3, 2]]
    swapped = Embeddings(embeddings.student.flip(-1), clips=embeddings.clips)
    results = [
        tested.loss(given, samples_with(gt_visible_cells=[[v] for v in vs], gt_masked_cells=[[m] for m in ms]))
        for given, vs, ms in ((embeddings, VISIBLE, MASKED), (swapped, visible, masked))
    ]
    torch.testing.assert_close(results[0]['loss_pixels'], results[1]['loss_pixels'])


@pytest.mark.parametrize('informative', [True, False])
def test_the_better_of_two_guesses_is_reported_in_evaluation_alone(samples, informative):
    embeddings, tested = batch(), head(normalize_target=False)
    if informative:  # one colour for each clip
        embeddings.clips[:] = embeddings.clips.mean((3, 4, 5), keepdim=True) + 0.01 * embeddings.clips
    assert set(tested.loss(embeddings, samples)) == {'loss_pixels', 'acc_pixels'}
    results = tested.eval().loss(embeddings, samples)
    cubes = cubes_of(embeddings.clips[:, 0], 2, 4)
    masked = torch.stack([cubes[sample, :, MASKED[sample]] for sample in range(2)])
    guess = torch.stack([cubes[sample, :, VISIBLE[sample]].mean((0, 1)) for sample in range(2)])
    error = (masked - guess[:, None, None]).square().mean()
    expected = 1 - error / (masked - masked.mean()).square().mean()
    assert (expected > 0.5) == informative
    torch.testing.assert_close(results['acc_guess'], expected if informative else torch.tensor(0.0))


def test_every_parameter_gets_a_gradient(samples):
    tested = head()
    tested.loss(batch(), samples)['loss_pixels'].backward()
    assert all(parameter.grad.isfinite().all() and parameter.grad.any() for parameter in tested.parameters())


def test_the_head_takes_no_value_from_the_device(samples_with):
    with FakeTensorMode():
        samples = samples_with(
            gt_visible_cells=torch.tensor(VISIBLE)[:, None], gt_masked_cells=torch.tensor(MASKED)[:, None]
        )
        results = head().loss(batch(), samples)
        results['loss_pixels'].backward()
        with pytest.raises(DataDependentOutputException):
            float(results['acc_pixels'])


def test_what_does_not_fit_is_refused_by_name(samples):
    with pytest.raises(ConfigError, match='decoder_channels=9 must be even and a multiple of decoder_heads=3'):
        head(decoder_channels=9, decoder_heads=3)
    with pytest.raises(ConfigError, match='tubelet_size must be an integer'):
        head(tubelet_size=0)
    with pytest.raises(ConfigError, match='model.type: .* needs type="MaskedPretrainer"'):
        head().loss(Embeddings(torch.randn(2, 1, 6, 2, 1, 2)), samples)
    with pytest.raises(ConfigError, match='embedding_name="map" is no map'):
        head().loss(Embeddings(torch.randn(2, 1, 6), clips=torch.rand(2, 1, 3, 4, 8, 8)), samples)
    with pytest.raises(KeyError, match='gt_visible_cells'):
        head().loss(batch(), None)
