"""The masked autoencoder on its whole way: samples with masks, clip sheets, features, class activation, fine-tuning."""

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope

from videossl.apis import extract_features
from videossl.compat import config_directory
from videossl.config_files import load_config
from videossl.datasets import VideoDataset
from videossl.engine import Draw
from videossl.errors import ConfigError
from videossl.registry import MODELS
from videossl.visualization import cam_maps
from videossl.visualization.clip_sheet import ClipSample, draw_clip_sheet, sampling_of


@pytest.fixture(scope='module')
def folder(tmp_path_factory, write_gliding_video):
    """One video of 24 frames, 96x80 pixels: colours that glide."""
    folder = tmp_path_factory.mktemp('videos')
    write_gliding_video(folder / 'video.mp4', 24)
    return folder


@pytest.fixture(autouse=True)
def our_scope():
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


def laptop():
    """The laptop's config, with a net of a sixteenth of the width and four blocks."""
    config = load_config(f'{config_directory()}/laptop/masked-autoencoder_vit-ti_16x1x1-64px-20e_videos-rgb.py')
    config.model.backbone.update(base_channels=4, depth=4)
    config.model.heads.pixels.update(in_channels=12, decoder_channels=12, decoder_depth=1)
    return config


def dataset_of(config, folder, **steps) -> VideoDataset:
    pipeline = config.train_dataloader.dataset.pipeline
    for name, changes in steps.items():
        pipeline[name].update(changes)
    return VideoDataset(data_root=str(folder), pipeline=pipeline)


def test_a_draw_has_one_clip_and_one_mask_and_trains_every_parameter(folder):
    config = laptop()
    dataset = dataset_of(config, folder)
    samples = [dataset[Draw(0, position, 7)] for position in (0, 1, 1)]
    masks = [sample['data_samples'].gt_visible_cells for sample in samples]
    assert masks[0].shape == (1, 16) and samples[0]['data_samples'].gt_masked_cells.shape == (1, 48)
    assert torch.equal(masks[1], masks[2]) and not torch.equal(masks[0], masks[1])
    assert torch.equal(samples[1]['inputs'], samples[2]['inputs'])
    model = MODELS.build(config.model)
    batch = {key: [sample[key] for sample in samples] for key in ('inputs', 'data_samples')}
    loss, _ = model.parse_losses(model(**model.data_preprocessor(batch, training=True), mode='loss'))
    loss.backward()
    assert loss.isfinite() and all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(
    ('steps', 'message'),
    [
        (dict(mask=dict(patch_size=24)), 'DrawTubeMask: patch_size=24 does not divide frames of 64x64'),
        (dict(mask=dict(patch_size=16)), 'the masks have 16 cells, but frames of 64x64 have 64 patches'),
        (dict(sample=dict(clip_len=15)), 'tubelet_size=2 .* must divide .*clips of 15x64x64.*clip_len'),
    ],
)
def test_sizes_that_do_not_fit_are_errors_of_the_first_batch_that_name_the_key(folder, steps, message):
    config = laptop()
    with pytest.raises(ConfigError, match=message):
        sample = dataset_of(config, folder, **steps)[Draw(0, 0, 7)]
        model = MODELS.build(config.model)
        model(**model.data_preprocessor({key: [value] for key, value in sample.items()}), mode='loss')


def test_a_clip_sheet_shows_the_mask_and_leaves_out_the_numbers_of_the_cells(folder):
    config = laptop()
    dataset = dataset_of(config, folder)
    sheet = ClipSample.from_packed(dataset[Draw(0, 0, 7)])
    figure = draw_clip_sheet(sheet, sampling_of(dataset.pipeline.transforms, config.model))
    assert 'cells' not in figure.get_suptitle()
    (axes,) = [axes for axes in figure.axes if axes.get_label() == 'view 0']
    assert axes.get_title(loc='left') == 'view 1: 48 of 64 cells are masked (pale)'
    shown = np.asarray(axes.images[0].get_array())
    assert (shown >= 204).all(axis=-1).mean() > 0.7


def test_features_are_those_of_whole_clips_of_any_size(folder):
    torch.manual_seed(0)
    model = MODELS.build(laptop().model)
    views = dict(num_clips=2, clip_len=16, progress=False, num_workers=0, precision='fp32')
    for size in (64, 112):
        features = extract_features(model, folder, size=size, resize=(-1, size), **views).features
        assert features.shape == (1, 2, 12) and np.isfinite(features).all()


def test_class_activation_lies_where_the_tokens_lie(folder):
    model = MODELS.build(laptop().model)
    clips = torch.randint(0, 256, (2, 3, 16, 64, 64), dtype=torch.uint8)
    maps = cam_maps(model, clips, 'activation').maps
    assert maps.shape == (2, 16, 64, 64) and maps.max() == 1
    with torch.no_grad():
        model.backbone.stem.conv.weight.zero_()
        model.backbone.stem.conv.weight[0] = 1
        model.backbone.stem.positions.zero_()
    clips[:] = 0
    clips[:, :, 4:6, 16:24, 40:48] = 255  # a cube
    model.data_preprocessor.mean.zero_()
    (activation, _) = cam_maps(model, clips, 'activation', layer='stem').maps
    assert activation[4:6, 19:21, 43:45].min() > 0.8 and activation[10:].max() < 0.01
    assert activation[4:6, :, :24].max() < 0.01


def test_a_recognizer_gets_its_gradient_and_its_class_activation():
    pytest.importorskip('captum')
    torch.manual_seed(0)
    backbone = dict(type='ViT', num_heads=2, base_channels=4, depth=4, patch_size=8)
    head = dict(type='I3DHead', in_channels=8, num_classes=3, average_clips='prob')
    preprocessor = dict(type='ClipDataPreprocessor')
    model = MODELS.build(dict(type='Recognizer3D', backbone=backbone, cls_head=head, data_preprocessor=preprocessor))
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 2)]
    model(torch.rand(2, 1, 3, 8, 32, 32), data_samples=samples, mode='loss')['loss_cls'].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    clips = torch.randint(0, 256, (2, 3, 8, 32, 32), dtype=torch.uint8)
    assert cam_maps(model, clips, 'grad-cam', layer='stage3').maps.shape == (2, 8, 32, 32)
