"""The masked autoencoder as a whole: what it sees, what it refuses, and two processes against one."""

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn.parallel import DistributedDataParallel

from videossl.datasets import DrawTubeMask
from videossl.errors import ConfigError
from videossl.models import R3D, ClipDataPreprocessor, MaskedPixelHead, MaskedPretrainer, ViT
from videossl.registry import MODELS


def parts(**changes) -> dict:
    return dict(
        backbone=ViT(num_heads=2, base_channels=6, depth=4, patch_size=8),
        necks=dict(map=dict(type='MapNeck')),
        heads=dict(
            pixels=MaskedPixelHead(12, patch_size=8, decoder_channels=8, decoder_depth=1, decoder_heads=2, **changes)
        ),
    )


def pretrainer(**changes) -> MaskedPretrainer:
    torch.manual_seed(0)
    return MaskedPretrainer(**parts(**changes))


def batch(start: int, stop: int, patch_size: int = 8, ratio: float = 0.75, shape: tuple = (2, 3, 4, 32, 32)) -> dict:
    """Samples of two clips of 4 frames of 32x32 pixels, or of another shape, each by its number, as the loader gives them."""
    inputs, samples = [], []
    for number in range(start, stop):
        inputs.append(torch.randint(256, shape, generator=torch.Generator().manual_seed(number)).byte())
        np.random.seed(number)
        results = DrawTubeMask(patch_size, ratio)(dict(imgs=[np.zeros((32, 32, 3))], num_clips=shape[0]))
        samples.append(ActionDataSample())
        for name in DrawTubeMask.fields_written:
            samples[-1].set_field(torch.from_numpy(results[name]), name)
    return dict(inputs=inputs, data_samples=samples)


def losses(model, data: dict, module=None) -> dict:
    return (module or model)(**model.data_preprocessor(data, training=True), mode='loss')


def test_only_visible_tokens_are_encoded_and_other_modes_see_whole_clips():
    model = pretrainer()
    lengths = []
    model.backbone.stage1.register_forward_hook(lambda _, inputs, output: lengths.append(tuple(inputs[0].shape)))
    data = model.data_preprocessor(batch(0, 3))
    results = model(**data, mode='loss')
    assert set(results) == {'loss_pixels', 'acc_pixels'} and results['loss_pixels'].isfinite()
    assert model(**data, mode='tensor').shape == (6, 12, 2, 4, 4)
    assert model(**data, mode='predict').shape == (3, 2, 12)
    assert lengths == [(6, 12, 2, 1, 4), (6, 12, 2, 4, 4), (6, 12, 2, 4, 4)]


def test_the_head_gets_the_pixels_as_they_were_before_normalisation():
    model, data = pretrainer(), batch(0, 2)
    seen = []
    model.heads.pixels.loss = lambda embeddings, samples: seen.append(embeddings) or {}
    losses(model, data)
    torch.testing.assert_close(seen[0].clips, torch.stack(data['inputs']) / 255, rtol=0, atol=1e-6)
    to_bgr = ClipDataPreprocessor(mean=(1, 2, 3), std=(4, 5, 6), to_bgr=True)
    clips = torch.stack(data['inputs'])
    pixels = to_bgr.pixels_of(to_bgr(dict(inputs=clips))['inputs'])
    torch.testing.assert_close(pixels, clips.flip(2) / 255, rtol=0, atol=1e-6)


def test_the_loss_depends_on_visible_pixels_by_the_net_alone_and_on_masked_ones_by_the_target_alone():
    model, data = pretrainer(), batch(0, 1)
    inputs = model.data_preprocessor(data)['inputs'].requires_grad_()
    target = model.heads.pixels.targets
    model.heads.pixels.targets = lambda clips, cells: target(clips.detach(), cells)
    model(inputs, data['data_samples'], mode='loss')['loss_pixels'].backward()
    cells = inputs.grad.abs().sum((2, 3)).unflatten(3, (4, 8)).unflatten(2, (4, 8)).sum((3, 5)).flatten(2)
    for clip in range(2):
        masked = data['data_samples'][0].gt_masked_cells[clip]
        visible = data['data_samples'][0].gt_visible_cells[clip]
        assert (cells[0, clip, masked] == 0).all() and (cells[0, clip, visible] > 0).all()


def test_a_slope_that_every_clip_has_in_a_direction_of_its_own_is_seen_in_the_visible_cells():
    """No pixel is predictable by itself: the direction is drawn anew for each clip."""
    model = MaskedPretrainer(
        ViT(num_heads=2, base_channels=8, depth=4, patch_size=8),
        dict(pixels=MaskedPixelHead(16, patch_size=8, decoder_channels=16, decoder_depth=1, decoder_heads=2)),
        dict(map=dict(type='MapNeck')),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    side = torch.linspace(-90, 90, 32)
    for step in range(40):
        data = batch(8 * step, 8 * step + 8, ratio=0.5, shape=(1, 3, 2, 32, 32))
        for number, direction in enumerate(np.random.uniform(0, 2 * np.pi, 8)):
            slope = np.cos(direction) * side + np.sin(direction) * side[:, None]
            data['inputs'][number][:] = (128 + slope).byte()
        results = losses(model, data)
        optimizer.zero_grad()
        results['loss_pixels'].backward()
        optimizer.step()
    assert results['acc_pixels'] > 0.6  # of clips that no step has seen


def test_clips_of_noise_are_learnt_by_heart():
    """Nothing but its position tells a masked cube of noise from another one."""
    torch.manual_seed(0)
    head = MaskedPixelHead(32, patch_size=4, decoder_channels=96, decoder_depth=1, decoder_heads=2)
    model = MaskedPretrainer(
        ViT(num_heads=2, base_channels=16, depth=4, patch_size=4), dict(pixels=head), dict(map=dict(type='MapNeck'))
    )
    data = model.data_preprocessor(batch(0, 2, patch_size=8, shape=(1, 3, 4, 16, 16)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(120):
        results = model(**data, mode='loss')
        optimizer.zero_grad()
        results['loss_pixels'].backward()
        optimizer.step()
    assert results['acc_pixels'] > 0.6


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        (
            dict(patch_size=16),
            'the masks have 4 cells, but frames of 32x32 have 16 patches of model.backbone.patch_size=8',
        ),
        (None, r"pipeline: MaskedPretrainer needs a mask for each clip; add mask=dict\(type='DrawTubeMask'"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_in_the_first_batch(data, message):
    given = batch(0, 2, **(data or {}))
    if data is None:
        given['data_samples'] = [ActionDataSample(), ActionDataSample()]
    with pytest.raises(ConfigError, match=message):
        losses(pretrainer(), given)


def test_parts_that_do_not_fit_are_refused_when_the_model_is_built():
    with pytest.raises(ConfigError, match='model.backbone: R3D cannot leave out the masked parts'):
        MaskedPretrainer(**{**parts(), 'backbone': R3D(base_channels=2)})
    with pytest.raises(ConfigError, match='model.heads.pixels.tubelet_size is 1, but model.backbone.tubelet_size is 2'):
        pretrainer(tubelet_size=1)
    with pytest.raises(ConfigError, match='model.heads.pixels: .* Pretrainer masks nothing; use .*MaskedPretrainer'):
        MODELS.build(dict(type='Pretrainer', **parts()))


def one_of_two(rank: int, folder: str) -> None:
    model = pretrainer()
    wrapped = DistributedDataParallel(model)
    results = losses(model, batch(2 * rank, 2 * rank + 2), wrapped)
    results['loss_pixels'].backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    torch.save(dict(loss=results['loss_pixels'].item(), gradients=gradients), f'{folder}/{rank}.pth')


def test_two_processes_have_the_loss_and_gradient_of_one_with_the_joint_batch(tmp_path, run_two_processes):
    run_two_processes(one_of_two, str(tmp_path))
    found = [torch.load(tmp_path / f'{rank}.pth') for rank in (0, 1)]
    model = pretrainer()
    joint = losses(model, batch(0, 4))['loss_pixels']
    joint.backward()
    assert np.mean([process['loss'] for process in found]) == pytest.approx(joint.item())
    for name, parameter in model.named_parameters():
        for process in found:
            torch.testing.assert_close(process['gradients'][name], parameter.grad, rtol=1e-4, atol=1e-6)
