"""Clips of one frame on their whole way: samplers, features, class activation, clip sheets, fine-tuning and its test."""

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope

from videossl.apis import extract_features
from videossl.compat import config_directory
from videossl.config_files import load_config
from videossl.datasets import VideoDataset
from videossl.models import CaffeNet, Pretrainer, TupleHead
from videossl.registry import MODELS
from videossl.visualization import cam_maps
from videossl.visualization.clip_sheet import ClipSample, draw_clip_sheet, sampling_of

METHODS = ('shuffle-and-learn', 'opn')
NUM_VIEWS = {'shuffle-and-learn': 3, 'opn': 4}


@pytest.fixture(scope='module')
def folder(tmp_path_factory, write_gliding_video):
    """Two videos of 40 and of 2 frames, 96x80 pixels: colours that glide."""
    folder = tmp_path_factory.mktemp('videos')
    for name, length in (('long.mp4', 40), ('short.mp4', 2)):
        write_gliding_video(folder / name, length)
    return folder


@pytest.fixture(autouse=True)
def our_scope():
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


def config_of(method: str):
    """The laptop's config of a method, with a net of a sixteenth of the width."""
    config = load_config(f'{config_directory()}/laptop/{method}_caffenet_1x1x1-64px-20e_videos-rgb.py')
    config.model.backbone.base_channels = 4
    for head in config.model.heads.values():
        head.in_channels = 64
    return config


def samples_of(config, folder):
    """Every video's sample, packed."""
    dataset = VideoDataset(data_root=str(folder), pipeline=config.train_dataloader.dataset.pipeline)
    np.random.seed(0)
    return [dataset[index] for index in range(len(dataset))], dataset


@pytest.fixture
def small_model():
    """Shuffle & Learn on a tiny net."""
    torch.manual_seed(0)
    net = CaffeNet(base_channels=4, fc_channels=(64,), fc_size=1)
    return Pretrainer(net, dict(tuple=TupleHead(4, 3, 2, label='gt_tuple')))


@pytest.mark.parametrize('method', METHODS)
def test_tuples_of_frames_are_sampled_and_trained_on_and_short_videos_are_ignored(method, folder):
    config = config_of(method)
    (long, short), _ = samples_of(config, folder)
    (label,) = (name for name in long['data_samples'].keys() if name.startswith('gt_'))
    assert long['inputs'].shape == (NUM_VIEWS[method], 3, 1, 64, 64)
    assert long['data_samples'].get(label) >= 0 and short['data_samples'].get(label) == -100
    model = MODELS.build(config.model)
    batch = dict(inputs=[long['inputs'], long['inputs']], data_samples=[long['data_samples']] * 2)
    loss, _ = model.parse_losses(model(**model.data_preprocessor(batch, training=True), mode='loss'))
    loss.backward()
    assert loss.isfinite() and all(parameter.grad is not None for parameter in model.parameters())


def test_opns_frames_share_a_region_and_a_flip_and_have_a_shift_and_a_channel_of_their_own(folder):
    (sample, _), _ = samples_of(config_of('opn'), folder)
    records = sample['data_samples'].clip_geometry
    assert len({record['flip'] for record in records}) == 1
    corners = np.array([record['crop_box'][:2] for record in records])
    assert len(np.unique(corners, axis=0)) > 1 and np.ptp(corners, axis=0).max() < 4
    frames = sample['inputs'].float()
    assert (frames == frames[:, :1]).all()


@pytest.mark.parametrize('method', METHODS)
def test_a_clip_sheet_shows_frames_one_below_the_other(method, folder):
    config = config_of(method)
    samples, dataset = samples_of(config, folder)
    for sample in samples:
        sheet = ClipSample.from_packed(sample)
        figure = draw_clip_sheet(sheet, sampling_of(dataset.pipeline.transforms, config.model))
        assert len(figure.axes) == 1 + NUM_VIEWS[method]
        words = figure.get_suptitle()
        assert 'asked for' in words if len(sheet.labels) and min(sheet.labels.values()) < 0 else 'order' in words


@pytest.mark.parametrize('clip_len', [1, 4])
def test_features_of_frames_are_those_of_the_net(clip_len, folder, small_model):
    views = dict(num_clips=3, crops=10, clip_len=clip_len, size=64, resize=72, progress=False, num_workers=0)
    features = extract_features(small_model, folder, precision='fp32', **views).features
    assert features.shape == (2, 30, 4) and np.isfinite(features).all()
    assert np.ptp(features[0], axis=0).max() > 0


def test_features_take_a_config_of_frames_at_its_word(folder, small_model):
    small_model.cfg = config_of('shuffle-and-learn')
    found = extract_features(small_model, folder, num_clips=2, progress=False, num_workers=0)
    assert found.protocol['clip_len'] == 1 and found.protocol['size'] == 64 and found.protocol['resize'] == [64, 64]
    assert found.features.shape == (2, 2, 4)


def test_class_activation_of_frames_has_their_size_and_heads_of_tuples_give_a_frame_no_class(small_model):
    clips = torch.randint(0, 256, (2, 3, 1, 64, 64), dtype=torch.uint8)
    maps = cam_maps(small_model, clips, 'activation', layer='stage4').maps
    assert maps.shape == (2, 1, 64, 64) and maps.max() == 1
    with pytest.raises(ValueError, match='none of its heads gives a clip a class'):
        cam_maps(small_model, clips, 'grad-cam', layer='stage4')


def test_a_recognizer_of_frames_gets_its_gradient_and_its_class_activation():
    pytest.importorskip('captum')
    torch.manual_seed(0)
    backbone = dict(type='CaffeNet', base_channels=4, fc_channels=(64,), fc_size=1)
    head = dict(type='I3DHead', in_channels=4, num_classes=3, average_clips='prob')
    preprocessor = dict(type='ClipDataPreprocessor')
    model = MODELS.build(dict(type='Recognizer3D', backbone=backbone, cls_head=head, data_preprocessor=preprocessor))
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 2)]
    losses = model(torch.rand(2, 1, 3, 1, 64, 64), data_samples=samples, mode='loss')
    losses['loss_cls'].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    clips = torch.randint(0, 256, (2, 3, 1, 64, 64), dtype=torch.uint8)
    assert cam_maps(model, clips, 'grad-cam', layer='stage4').maps.shape == (2, 1, 64, 64)
    with torch.no_grad():
        (prediction,) = model.eval()(torch.rand(1, 250, 3, 1, 64, 64), data_samples=samples[:1], mode='predict')
    torch.testing.assert_close(prediction.pred_score.sum(), torch.tensor(1.0))
