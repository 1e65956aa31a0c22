"""Five videos, a tiny model, and a way to stop its extraction, for the tests of extracting features."""

import cv2
import numpy as np
import torch
from mmengine.config import Config

from videossl.apis import init_model
from videossl.features.clip_encoder import ClipEncoder

NAMES = ['0.mp4', '1.mp4', '2.mp4', '3.mp4', '4.mp4']
LENGTHS = dict(zip(NAMES, (20, 31, 5, 24, 16)))
WIDTH, HEIGHT = 64, 48
MEAN, STD = (100.0, 110.0, 120.0), (50.0, 60.0, 70.0)
CONFIG = dict(
    default_scope='videossl',
    model=dict(
        type='Pretrainer',
        data_preprocessor=dict(type='ClipDataPreprocessor', mean=MEAN, std=STD, to_bgr=True),
        backbone=dict(type='R3D', depth=10, base_channels=4),
        heads=dict(speed=dict(type='SpeedHead', in_channels=32, num_speeds=4)),
    ),
    test_pipeline=[
        dict(type='DecordInit'),
        dict(type='SampleFrames', clip_len=4, frame_interval=2, num_clips=3, test_mode=True),
        dict(type='DecodeClips'),
        dict(type='Resize', scale=(48, 40), keep_ratio=False),
        dict(type='CenterCrop', crop_size=32),
        dict(type='PackClips'),
    ],
    default_hooks=dict(precision=dict(type='PrecisionHook', precision='fp32')),
)


def write_videos(folder):
    """Five videos of different lengths, and a list with their labels, 10 to 14."""
    for seed, (name, length) in enumerate(LENGTHS.items()):
        blocks = np.random.default_rng(seed).integers(0, 256, (length, 6, 8, 3), dtype=np.uint8)
        writer = cv2.VideoWriter(str(folder / name), cv2.VideoWriter_fourcc(*'mp4v'), 25, (WIDTH, HEIGHT))
        for frame in blocks.repeat(8, axis=1).repeat(8, axis=2):
            writer.write(frame)
        writer.release()
    (folder / 'list.txt').write_text(''.join(f'{name} {10 + number}\n' for number, name in enumerate(NAMES)))
    return folder


def make_model():
    """A model of random weights and statistics."""
    torch.manual_seed(0)
    model = init_model(Config(CONFIG), device='cpu')
    for name, value in model.backbone.state_dict().items():
        if name.endswith('running_mean'):
            value.uniform_(-0.1, 0.1)
        elif name.endswith('running_var'):
            value.uniform_(0.1, 0.5)
    return model


def stop_encoder(monkeypatch, after, how):
    """Let the encoder stop the process in its n-th batch from now on. The function that is returned lets it go on."""
    original, calls = ClipEncoder._encode, []

    def encode(self, views):
        calls.append(1)
        if len(calls) > after:
            how()
        return original(self, views)

    monkeypatch.setattr(ClipEncoder, '_encode', encode)
    return lambda: monkeypatch.setattr(ClipEncoder, '_encode', original)


def press_ctrl_c():
    raise KeyboardInterrupt
