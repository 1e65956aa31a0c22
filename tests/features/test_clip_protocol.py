"""Which views of a video features are made from: read from configs, changed by arguments, or refused."""

from pathlib import Path

import pytest
from mmengine.config import Config

from videossl.compat import config_directory
from videossl.errors import ConfigError
from videossl.features.clip_protocol import ClipProtocol

# Written down from the papers and the released code: clips, crops, frames, interval, size, resize.
READ = {
    'downstream/finetune_r3d-10_16x1x1-25e_ucf101-rgb.py': (10, 1, 16, 1, 112, (171, 128)),
    'downstream/finetune_c3d_rspnet_16x1x1-100e_ucf101-rgb.py': (10, 1, 16, 1, 112, 112),
    'vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py': (10, 1, 16, 1, 112, (171, 128)),
    'laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py': (10, 1, 16, 1, 64, 72),
    'laptop/finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py': (10, 1, 16, 1, 64, 72),
    # Pretrained on random parts of the frame: features are taken from the largest centred square.
    'rspnet/rspnet_s3dg_16x1x1-224px-200e_k400-rgb.py': (10, 1, 16, 1, 224, 224),
    'video_pace/video-pace_s3dg_64x1x1-18e_ucf101-rgb.py': (10, 1, 64, 1, 224, 256),
}


@pytest.mark.parametrize('name', READ)
def test_a_configs_own_pipeline_says_what_the_views_are(name):
    protocol = ClipProtocol.like(Config.fromfile(Path(config_directory()) / name))
    assert (
        protocol.clips,
        protocol.crops,
        protocol.clip_len,
        protocol.frame_interval,
        protocol.size,
        protocol.resize,
    ) == READ[name]
    assert protocol.pooling == 'avg'


# A test pipeline as mmaction2's own configs have it.
STOCK = Config(
    dict(
        test_pipeline=[
            dict(type='DecordInit'),
            dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=4, test_mode=True),
            dict(type='DecordDecode'),
            dict(type='Resize', scale=(-1, 256)),
            dict(type='ThreeCrop', crop_size=256),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs'),
        ]
    )
)


def test_a_test_pipeline_of_mmaction2_says_it_too():
    assert ClipProtocol.like(STOCK) == ClipProtocol(4, 3, 32, 2, 256, 256)
    assert ClipProtocol.like(STOCK).views == 12


def test_arguments_win_over_the_config():
    protocol = ClipProtocol.like(STOCK, clips=1, crops=1, clip_len=8, frame_interval=3, resize=300, pooling='max')
    assert protocol == ClipProtocol(1, 1, 8, 3, 256, 300, 'max')


def test_another_size_changes_the_resize_before_it_in_proportion():
    assert ClipProtocol.like(STOCK, size=56, crops=1).resize == 64
    assert ClipProtocol.like(STOCK, size=56).resize == 56, 'three crops need the short side itself'
    assert ClipProtocol.like(Config(dict()), crops=3) == ClipProtocol(10, 3, 16, 1, 112, 112)


def test_without_a_config_it_is_ten_clips_of_sixteen_frames():
    assert ClipProtocol.like(None) == ClipProtocol(10, 1, 16, 1, 112, 128, 'avg')


@pytest.mark.parametrize(('written', 'meant'), [((-1, 120), 120), ([200, 150], (200, 150)), (120, 120)])
def test_a_short_side_may_be_written_in_both_ways(written, meant):
    assert ClipProtocol.like(None, resize=written).resize == meant


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (dict(clips=0), 'clips must be an integer of at least 1'),
        (dict(clip_len=2.5), 'clip_len must be'),
        (dict(frame_interval=True), 'frame_interval must be'),
        (dict(size=0), 'size must be'),
        (dict(crops=2), 'crops must be one of'),
        (dict(pooling='mean'), 'pooling must be one of'),
        (dict(resize=100), 'cannot be cropped from frames resized to 100'),
        (dict(resize=(171, 100)), 'cannot be cropped'),
        (dict(resize=(1, 2, 3)), 'short side or'),
        (dict(resize=128, crops=3), 'three crops are taken along the long side'),
        (dict(colour=3), 'there is no colour'),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(given, message):
    with pytest.raises(ConfigError, match=message):
        ClipProtocol.like(None, **given)
