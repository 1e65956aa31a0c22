"""Videos for the benchmarks: those of a folder, or some that are rendered, and what ``tools/data/compact.py`` makes of them."""

from pathlib import Path

import av
import cv2
import numpy as np

from videossl.apis.preparation.compact import compact
from videossl.datasets.preparation.reencoding import Reencoding


def given_or_rendered(videos: Path | None, scratch: Path, few: tuple[int, int] | None = None) -> Path:
    """A folder of videos: the one that was given, or one below ``scratch``; ``few``: (number, frames) to render."""
    if videos is None:
        videos = scratch / 'rendered'
        videos.mkdir()
        render_videos(videos, *(few or ()))
    return videos


def compacted(videos: Path, folder: Path, settings: Reencoding | None = None) -> Path:
    """The videos as ``tools/data/compact.py`` writes them."""
    report = compact(str(videos), str(folder), settings=settings)
    print(report)
    if report.failed:
        raise SystemExit('the files that failed would be on one side and not on the other; take them out')
    return folder


def render_videos(folder: Path, number: int = 8, num_frames: int = 300) -> None:
    """Texture that moves over a moving background, with noise as cameras have it: 340 x 256 with key frames up to 250 frames
    apart, as Kinetics has them."""
    for index in range(number):
        generator = np.random.default_rng(index)
        # Detail at all sizes, brightest at the coarse ones, as in photographs.
        textures = []
        for _ in range(2):
            layers = [
                cv2.resize(generator.normal(size=(side, side, 3)), (768, 768), interpolation=cv2.INTER_CUBIC)
                * 40
                / level
                for level, side in enumerate((6, 24, 96, 384), 1)
            ]
            textures.append(np.clip(sum(layers) + 110, 0, 255).astype(np.uint8))
        noise = generator.normal(scale=3, size=(4, 256, 340, 3))
        speed = generator.uniform(-3, 3, size=(2, 2))
        with av.open(str(folder / f'{index}.mp4'), 'w') as container:
            stream = container.add_stream('libx264', rate=30, options=dict(preset='veryfast', g='250'))
            stream.width, stream.height, stream.pix_fmt = 340, 256, 'yuv420p'
            for time_index in range(num_frames):
                back, front = (
                    np.roll(texture, (step * time_index).astype(int), axis=(0, 1))[:256, :340]
                    for texture, step in zip(textures, speed)
                )
                frame = back.copy()
                left = int(110 + 80 * np.sin(time_index / 20))
                frame[60:200, left : left + 110] = front[60:200, left : left + 110]
                frame = np.clip(frame + noise[time_index % 4], 0, 255).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
            container.mux(stream.encode())
