"""Which views a config's own pipelines take."""

from pathlib import Path

import pytest
from mmengine.config import Config

from videossl.compat import config_directory
from videossl.features.config_views import training_clips
from videossl.features.protocols import Protocol

# Written down from the papers and the released code: clips, crops, frames, interval, size, resize.
READ = {
    'downstream/finetune_r3d-10_16x1x1-25e_ucf101-rgb.py': (10, 1, 16, 1, 112, (171, 128)),
    'downstream/finetune_c3d_rspnet_16x1x1-100e_ucf101-rgb.py': (10, 1, 16, 1, 112, 112),
    'vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py': (10, 1, 16, 1, 112, (171, 128)),
    'laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py': (10, 1, 16, 1, 64, 72),
    'laptop/finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py': (10, 1, 16, 1, 64, 72),
    # Pretrained on random parts of the frame: features are taken from the largest centred square.
    'rspnet/rspnet_s3dg_16x1x1-224px-200e_k400-rgb.py': (10, 1, 16, 1, 224, 224),
    'video_pace/video-pace_s3dg_64x1x1-18e_ucf101-rgb.py': (10, 1, 64, 1, 224, (256, 256)),
    # Still images: whole frames, warped to a square; crops of crops; 25 frames of 10 crops.
    'shuffle_and_learn/shuffle-and-learn_caffenet_1x1x1-227px-134e_ucf101-rgb.py': (10, 1, 1, 1, 227, (227, 227)),
    'opn/opn_caffenet_1x1x1-80px-114e_ucf101-rgb.py': (10, 1, 1, 1, 80, 240),
    'downstream/finetune_caffenet_opn_1x1x1-150e_ucf101-rgb.py': (25, 10, 1, 1, 227, (340, 256)),
}


@pytest.mark.parametrize('name', READ)
def test_a_configs_own_pipeline_says_what_the_views_are(name):
    protocol = Protocol.like(Config.fromfile(Path(config_directory()) / name))
    assert (
        protocol.num_clips,
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
    assert Protocol.like(STOCK) == Protocol(4, 3, 32, 2, 256, 256)
    assert Protocol.like(STOCK).num_views == 12


def test_a_pipeline_of_named_steps_is_read_as_a_list_is():
    steps = ('open', 'sample', 'decode', 'scale', 'crop', 'format', 'pack')
    named = Config(dict(test_pipeline=dict(zip(steps, STOCK.test_pipeline, strict=True))))
    assert Protocol.like(named) == Protocol(4, 3, 32, 2, 256, 256)


def test_training_clips_are_those_of_the_training_pipeline_alone():
    assert training_clips(STOCK) == training_clips(None) == {}
    assert training_clips(Config(dict(train_pipeline=STOCK.test_pipeline))) == dict(
        size=256, clip_len=32, frame_interval=2
    )
