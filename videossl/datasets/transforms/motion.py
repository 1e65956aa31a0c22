"""Where and when a video moves: measured motion as weights of frames and of crops."""

import functools
import logging
import os

import cv2
import numpy as np
from mmaction.datasets.transforms import RandomCrop
from mmengine.logging import print_log

from videossl.datasets.motion_store import HOW_TO_MAKE, Motion, MotionStore
from videossl.registry import TRANSFORMS

from .base import Transform


@TRANSFORMS.register_module()
class LoadMotion(Transform):
    """Reads the motion of a video, which samplers and :class:`MotionCrop` prefer. It runs between opening and sampling.

    Motion is optional: without the file, without the video in it, or with a video of another length there, nothing is
    written, draws are uniform, and the log says so once.

    Reads: ``filename``, ``total_frames``, and ``is_blank`` if there.
    Writes: ``motion``, a :class:`~videossl.datasets.motion_store.Motion`.

    Args:
        file: what ``tools/data/measure_motion.py`` has written.
    """

    def __init__(self, file: str) -> None:
        self.file = str(file)
        self.store = MotionStore(file)
        if not os.path.isfile(file):
            say_that_draws_are_uniform(f'there is no file {file}; to make it: {HOW_TO_MAKE}')

    def transform(self, results: dict) -> dict:
        # Checks before a run have no file, and black frames in the place of a video do not move.
        if not os.path.isfile(self.file) or 'filename' not in results or results.get('is_blank'):
            return results
        motion = self.store.read(results['filename'])
        if motion is None:
            say_that_draws_are_uniform(f'{self.file} lacks some videos; to complete it: {HOW_TO_MAKE}')
        elif motion.total_frames != results['total_frames']:
            say_that_draws_are_uniform(f'{self.file} is of other videos; delete it and make it again: {HOW_TO_MAKE}')
        else:
            results['motion'] = motion
        return results


@functools.cache
def say_that_draws_are_uniform(reason: str) -> None:
    """Log it, once in each process."""
    print_log(
        f'without measured motion frames and crops are drawn uniformly: {reason}',
        logger='current',
        level=logging.WARNING,
    )


def draw_start(starts: np.ndarray, extent: int, motion: Motion | None) -> int:
    """Draw where a stretch of a video begins, with one draw of NumPy's global generator.

    Args:
        starts: the possible first frames, in ascending order.
        extent: frames of the stretch.
        motion: measured: the probability of a start is proportional to the sum of the motion of the frames of its
            stretch. None, or no motion in any of them: all starts are equally likely.
    """
    if motion is not None:
        sums = np.concatenate([[0], np.cumsum(motion.per_frame)])
        weights = sums[np.minimum(starts + extent, len(sums) - 1)] - sums[starts]
        if weights.sum() > 0:
            return int(np.random.choice(starts, p=weights / weights.sum()))
    return int(starts[np.random.randint(len(starts))])


@TRANSFORMS.register_module()
class MotionCrop(RandomCrop):
    """Crops the square in which the frames move most; at random where motion is not measured, or the same everywhere.

    It runs inside ``EachClip``, after ``Resize`` at most, since the measured motion is that of the whole frame. Of the mean
    motion from the first to the last frame of a clip, or of a group of clips, the square with the largest sum is taken.

    Reads: ``imgs``, ``img_shape``, and ``motion`` (of :class:`LoadMotion`), ``frame_inds``, ``start_index`` if there.
    Writes: ``imgs``, ``img_shape``, ``crop_bbox``.

    Args:
        size: side of the square, in pixels.
    """

    def transform(self, results: dict) -> dict:
        height, width = results['img_shape']
        if 'motion' not in results or min(height, width) < self.size:
            return super().transform(results)
        frames = np.asarray(results['frame_inds']) - results.get('start_index', 0)
        motion_map = results['motion'].map_of(int(frames.min()), int(frames.max()))
        if motion_map.min() == motion_map.max():
            return super().transform(results)
        dense = cv2.resize(motion_map.astype(np.float64), (width, height), interpolation=cv2.INTER_LINEAR)
        # Entry (y, x) is the sum over the square whose upper left corner is there.
        sums = cv2.boxFilter(dense, -1, (self.size, self.size), anchor=(0, 0), normalize=False)
        possible = sums[: height - self.size + 1, : width - self.size + 1]
        y, x = np.unravel_index(int(possible.argmax()), possible.shape)
        box = np.array([x, y, x + self.size, y + self.size])
        results.update(imgs=self._crop_imgs(results['imgs'], box), crop_bbox=box, img_shape=(self.size, self.size))
        return results
