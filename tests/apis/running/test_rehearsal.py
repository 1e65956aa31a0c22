"""Settings that do not fit each other are named before a video is decoded."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from videossl.apis.running.rehearsal import copy_without_memory, made_up_sample, rehearse
from videossl.compat import config_directory
from videossl.config_files import load_config
from videossl.datasets import PackClips, SamplePace, VideoDataset
from videossl.errors import ConfigError
from videossl.models import Embeddings
from videossl.registry import MODELS

LAPTOP = config_directory() + '/laptop/{}_16x1x1-64px-20e_videos-rgb.py'
PIPELINE = 'train_dataloader.dataset.pipeline'
NARROW = {'model.backbone.base_channels': 4}
NECK = {**NARROW, 'model.necks.projection.in_channels': 32}
TWO_NECKS = {**NARROW, **{f'model.necks.{name}.in_channels': 32 for name in ('appearance', 'speed')}}
TWO_HEADS = {**NARROW, **{f'model.heads.{name}.in_channels': 32 for name in ('ranking', 'rotation')}}
VIT = {
    'model.backbone.base_channels': 4,
    'model.backbone.depth': 4,
    'model.heads.pixels.in_channels': 12,
    'model.heads.pixels.decoder_channels': 12,
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two files that are no videos."""
    folder = tmp_path_factory.mktemp('videos')
    for number in range(2):
        (folder / f'{number}.mp4').touch()
    return folder


def runner_of(config, folder) -> SimpleNamespace:
    with DefaultScope.overwrite_default_scope('videossl'):
        model = MODELS.build(config.model)
        dataset = VideoDataset(data_root=str(folder), pipeline=config.train_dataloader.dataset.pipeline)
    loader = SimpleNamespace(dataset=dataset)
    return SimpleNamespace(model=model, train_loop=SimpleNamespace(dataloader=loader))


@pytest.mark.parametrize(
    ('name', 'options', 'message'),
    [
        ('clip-consistency_r3d-10', NARROW, r'model.necks.projection.in_channels is 512, but 32 numbers come in'),
        (
            'clip-consistency_r3d-10',
            {**NECK, 'model.predictors.projection.in_channels': 255},
            'model.predictors.projection.in_channels is 255, but 256 numbers come in',
        ),
        (
            'clip-consistency_r3d-10',
            {**NECK, 'model.predictors.projection.out_channels': 99},
            'model.predictors.projection.out_channels is 99, .* has 256 numbers',
        ),
        ('masked-autoencoder_vit-ti', {**VIT, f'{PIPELINE}.mask.ratio': 1.0}, 'DrawTubeMask: ratio=1.0 masks 64 of 64'),
        ('masked-autoencoder_vit-ti', {**VIT, f'{PIPELINE}.mask.ratio': 0.0}, 'DrawTubeMask: ratio=0.0 masks 0 of 64'),
        (
            'masked-autoencoder_vit-ti',
            {**VIT, f'{PIPELINE}.mask.patch_size': 16},
            'give DrawTubeMask the same patch_size',
        ),
        (
            'masked-autoencoder_vit-ti',
            {**VIT, f'{PIPELINE}.clips.transforms.crop.size': 60},
            'patch_size=8 does not divide frames of 60x60',
        ),
        (
            'masked-autoencoder_vit-ti',
            {**VIT, f'{PIPELINE}.sample.clip_len': 15},
            'tubelet_size=2 .* clips of 15x64x64',
        ),
        (
            'masked-autoencoder_vit-ti',
            {**VIT, 'model.heads.pixels.in_channels': 192},
            'model.heads.pixels.in_channels is 192, but 12 numbers come in',
        ),
        ('mas_r3d-10', {**NARROW, f'{PIPELINE}.sample.clip_len': 1}, 'MotionStatistics compares .*sample.clip_len'),
        ('transrank_r3d-10', {**TWO_HEADS, f'{PIPELINE}.sample.num_views': 1}, 'RankingHead compares .*num_views'),
        ('cep_r3d-10', {**NARROW, f'{PIPELINE}.clips.groups': [[0, 1, 2]]}, 'groups .* for 3 clips, the sample has 4'),
        ('mas_r3d-10', NARROW, 'model.heads.motion.in_channels is 512, but 32 numbers come in'),
        ('video-moco_r3d-10_generator', {**NECK, 'model.memory_bank.dim': 100}, 'model.memory_bank.dim=100 .*, 128'),
        (
            'ascnet_r3d-10',
            {**TWO_NECKS, 'model.memory_bank.embeddings.speed': 9},
            'model.memory_bank.embeddings.speed=9 is not the width .* 256',
        ),
    ],
)
def test_what_does_not_fit_is_named_without_decoding(folder, name, options, message):
    config = load_config(LAPTOP.format(name), options)
    with pytest.raises(ConfigError, match=message):
        rehearse(runner_of(config, folder), config)


@pytest.mark.parametrize('name', ['video-moco_r3d-10_generator', 'masked-autoencoder_vit-ti'])
def test_a_rehearsal_leaves_no_trace(folder, name):
    config = load_config(LAPTOP.format(name), VIT if 'vit' in name else NECK)
    runner = runner_of(config, folder)
    before = {key: value.clone() for key, value in runner.model.state_dict().items()}
    torch.manual_seed(0)
    np.random.seed(0)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(0)
    np.random.seed(0)
    rehearse(runner, config)
    assert torch.equal(torch.rand(3), expected[0]) and (np.random.rand(3) == expected[1]).all()
    state = runner.model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in before.items())
    assert not getattr(runner.model, 'pending_keys', None) and not any(
        module._forward_pre_hooks for module in runner.model.modules()
    )


def test_a_rehearsal_leaves_the_parsing_teacher_its_weights(folder):
    """The teacher is in no state dict, and copies of its head share it."""
    parsing = dict(in_channels=32, decoder_channels=(4, 4, 4))
    teacher = dict(checkpoint=None, allow_random=True, layers=(1, 1, 1, 1), width=0.125, input_size=65)
    options = {'model.backbone.backbone.base_channels': 4}
    options |= {f'model.necks.{name}.in_channels': 32 for name in ('appearance', 'motion')}
    options |= {f'model.heads.parsing.{key}': value for key, value in parsing.items()}
    options |= {f'model.heads.parsing.teacher.{key}': value for key, value in teacher.items()}
    config = load_config(LAPTOP.format('human-prior_r3d-10'), options)
    runner = runner_of(config, folder)
    head = runner.model.heads['parsing']
    network, before = head.teacher, {key: value.clone() for key, value in head.teacher.state_dict().items()}
    rehearse(runner, config)
    assert head.teacher is network and not any(tensor.is_meta for tensor in network.state_dict().values())
    assert all(torch.equal(value, network.state_dict()[key]) for key, value in before.items())
    sample = made_up_sample(runner.train_loop.dataloader.dataset, (64, 64))[0]
    embeddings = Embeddings(torch.rand(1, 1, 32, 2, 4, 4))
    assert head.loss(embeddings, [sample['data_samples']])['loss_parsing'].isfinite()


def test_the_copy_has_no_memory_and_keeps_what_shares_weights():
    layer = torch.nn.Linear(3, 3)
    copied = copy_without_memory(torch.nn.ModuleList([layer, torch.nn.BatchNorm1d(3), layer]))
    assert all(tensor.is_meta for tensor in (*copied.parameters(), *copied.buffers()))
    assert copied[0] is copied[2] and copied[0] is not layer and not layer.weight.is_meta


def test_a_pipeline_that_needs_more_than_frames_is_not_rehearsed():
    def fails(results):
        raise OSError('no such map')

    sampler, pack = SamplePace(clip_len=2), PackClips()
    pipeline = [sampler, type('DecodeClips', (), {})(), pack]
    dataset = SimpleNamespace(pipeline=SimpleNamespace(transforms=pipeline))
    packed, size = made_up_sample(dataset, (30, 40))
    assert packed['inputs'].shape == (1, 3, 2, 30, 40) and size == (30, 40)
    dataset.pipeline.transforms = [*pipeline[:2], fails, pack]
    assert made_up_sample(dataset, (30, 40)) == (None, None)


@pytest.mark.parametrize('resize', [None, dict(scale=(-1, 64))])
def test_clips_of_the_videos_own_size_are_not_refused(folder, resize):
    """Made-up frames do not divide into cells, but the videos' frames may."""
    config = load_config(LAPTOP.format('masked-autoencoder_vit-ti'), VIT)
    config.merge_from_dict({f'{PIPELINE}.clips.transforms.crop': None, f'{PIPELINE}.clips.transforms.resize': resize})
    rehearse(runner_of(config, folder), config)
