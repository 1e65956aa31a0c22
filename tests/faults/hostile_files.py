"""Makes small videos of every kind that the world has, and files that only look like videos."""

import os
import struct
from fractions import Fraction

import av
import numpy as np

NUM_FRAMES, WIDTH, HEIGHT = 30, 96, 64


def pictures(number=NUM_FRAMES, width=WIDTH, height=HEIGHT, seed=0):
    """Random blocks, uint8 [number, height, width, 3]: every frame differs from every other, also after compression."""
    blocks = np.random.default_rng(seed).integers(0, 256, (number, 4, 4, 3), dtype=np.uint8)
    frames = blocks.repeat(-(-height // 4), axis=1).repeat(-(-width // 4), axis=2)
    return np.ascontiguousarray(frames[:, :height, :width])


def write_video(path, frames=None, codec='libx264', pixels='yuv420p', milliseconds=None, container=None):
    """Encode frames; ``milliseconds``: when each is shown, else 25 a second."""
    frames = pictures() if frames is None else frames
    options = dict(preset='ultrafast', g='12', threads='1') if codec == 'libx264' else {}
    with av.open(str(path), 'w', options=container or {}) as file:
        stream = file.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        if milliseconds is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
            if milliseconds is not None:
                frame.pts, frame.time_base = int(milliseconds[index]), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def write_sound(path):
    """A file with a sound track alone."""
    with av.open(str(path), 'w') as file:
        stream = file.add_stream('aac', rate=16000)
        for _ in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format='fltp', layout='mono')
            frame.sample_rate = 16000
            file.mux(stream.encode(frame))
        file.mux(stream.encode())


def write_rotated(path, quarters):
    """As a phone held upright writes it: a player is to turn the pictures clockwise by so many quarters."""
    write_video(path)
    content = bytearray(path.read_bytes())
    matrix = content.index(b'tkhd') - 4 + 48  # ISO 14496-12, 8.3.2
    one = 1 << 16
    turned = {
        1: (0, one, 0, -one, 0, 0, HEIGHT * one),
        2: (-one, 0, 0, 0, -one, 0, WIDTH * one),
        3: (0, -one, 0, one, 0, 0, 0),
    }[quarters]
    shift = {1: 0, 2: HEIGHT * one, 3: WIDTH * one}[quarters]
    content[matrix : matrix + 36] = struct.pack('>9i', *turned, shift, 1 << 30)
    path.write_bytes(content)


def read_with_pyav(path):
    """All frames as they are stored, uint8 [N, H, W, 3]."""
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format='rgb24') for frame in file.decode(video=0)])


def cut(path, share=0.5):
    """Truncate a file to a share of its length."""
    os.truncate(path, int(path.stat().st_size * share))
