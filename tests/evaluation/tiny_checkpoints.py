"""Small labelled videos, and checkpoints of tiny nets, for the tests of evaluations from a checkpoint on."""

from pathlib import Path

import cv2
import numpy as np
import torch

from videossl.registry import MODELS

BACKBONE = dict(type='R3D', depth=10, base_channels=4)
SMALL = dict(num_clips=2, clip_len=4, size=32, resize=36)


def write_videos(folder: Path) -> Path:
    """Videos of one colour for each of three classes: train.txt has six, test.txt three, broken.txt those and one that is
    no video, unlabelled.txt no label."""
    for number in range(9):
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64))
        colour = np.eye(3)[number % 3] * 200 + 5 * number
        for _ in range(12):
            writer.write(np.full((64, 64, 3), colour, dtype=np.uint8))
        writer.release()
    (folder / 'text.mp4').write_text('no video')
    lines = [f'{number}.mp4 {number % 3}\n' for number in range(9)]
    (folder / 'train.txt').write_text(''.join(lines[:6]))
    (folder / 'test.txt').write_text(''.join(lines[6:]))
    (folder / 'broken.txt').write_text(''.join([lines[6], 'text.mp4 0\n', *lines[7:]]))
    (folder / 'unlabelled.txt').write_text('0.mp4\n1.mp4\n')
    return folder


def build(config, seed=0):
    torch.manual_seed(seed)
    return MODELS.build(config)


def save(model, path, text=None):
    torch.save(dict(state_dict=model.state_dict(), meta={} if text is None else dict(cfg=text)), path)
    return str(path)


def save_pretrained(path):
    """A checkpoint of a pretraining method, which holds its config as our tools write it."""
    heads = dict(speed=dict(type='SpeedHead', in_channels=32, num_speeds=4))
    model = build(dict(type='Pretrainer', backbone=BACKBONE, heads=heads))
    return save(model, path, f'model = dict(type="Pretrainer", backbone={BACKBONE})')
