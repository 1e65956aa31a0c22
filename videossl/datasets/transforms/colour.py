"""Colour transforms of clips: one 3x4 matrix a frame instead of a chain of picture operations.

They expect RGB (decord's order) and never write into their input frames. Their attribute ``changes_colour_only = True``
tells :class:`~videossl.datasets.transforms.each_clip.EachClip` that they leave the geometry alone.
"""

import cv2
import numpy as np

from videossl.checks import check_share
from videossl.registry import TRANSFORMS

from .base import Transform

GREY_WEIGHTS = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma of R, G, B

_RGB_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ)

# A rotation of the hue by an angle is the first of these plus its cosine and its sine times the next two; the last gives grey.
_PARTS = np.stack(
    [
        *(
            (_YIQ_TO_RGB @ np.array(rotation) @ _RGB_TO_YIQ).reshape(-1)
            for rotation in (
                [[1, 0, 0], [0, 0, 0], [0, 0, 0]],
                [[0, 0, 0], [0, 1, 0], [0, 0, 1]],
                [[0, 0, 0], [0, 0, -1], [0, 1, 0]],
            )
        ),
        np.tile(GREY_WEIGHTS, 3),
    ]
)


def saturation_matrix(factor: float) -> np.ndarray:
    """3x3 matrix that blends a colour with its own grey: factor 1 keeps it, 0 is greyscale."""
    return factor * np.eye(3) + (1 - factor) * np.tile(GREY_WEIGHTS, (3, 1))


def jitter_matrices(factors: np.ndarray, mean_colours: np.ndarray) -> np.ndarray:
    """Composes the four operations into one 3x4 matrix [A | b] for each of n pictures: colour -> A colour + b.

    The hue shift is in shares of a full circle, red towards green where it is positive: a rotation of the two chroma axes of
    YIQ, which keeps grey pixels and the luminance of every pixel.

    Their order changes nothing as long as values are not clipped in between: a change of saturation and a rotation of the hue
    commute, since both leave grey, and the grey level of every colour, as they are. So what contrast blends with is the
    picture's mean grey level times the brightness, or is multiplied by it later.

    Args:
        factors: [n, 4], brightness, contrast and saturation factor (1 changes nothing) and hue shift (0 changes nothing).
        mean_colours: [n, 3], mean R, G, B of each picture (or of the clip).

    Returns:
        float64 [n, 3, 4].
    """
    brightness, contrast, saturation, hue = np.asarray(factors, dtype=float).T
    angle = -2 * np.pi * hue
    shares = np.stack([saturation, saturation * np.cos(angle), saturation * np.sin(angle), 1 - saturation], axis=1)
    matrices = np.empty((len(shares), 3, 4))
    matrices[:, :, :3] = ((brightness * contrast)[:, None] * shares @ _PARTS).reshape(-1, 3, 3)
    matrices[:, :, 3] = (brightness * (1 - contrast) * (mean_colours @ GREY_WEIGHTS))[:, None]
    return matrices


def _split_into_clips(results: dict) -> list[list[np.ndarray]]:
    """The frames, clip by clip. Without ``clip_len`` all frames are one clip."""
    frames = results['imgs']
    clip_len = results.get('clip_len', len(frames))
    return [list(frames[start : start + clip_len]) for start in range(0, len(frames), clip_len)]


@TRANSFORMS.register_module()
class VideoColorJitter(Transform):
    """Random brightness, contrast, saturation and hue, per frame or per clip.

    Factors are uniform in [max(0, 1 - strength), 1 + strength], the hue shift in [-hue, hue] of the colour circle, as
    in torchvision's ``ColorJitter``. Brightness multiplies; contrast blends with the mean grey level of the frame (of
    the whole clip when ``consistent``); saturation blends each pixel with its own grey.

    The four operations are composed into one affine map of the colour, applied once to the uint8 pixels: about 1 ms for
    16 frames of 112 x 112 instead of 36 ms for a chain of picture operations. This differs from such a chain in two
    ways: values are clipped to 0..255 only once, at the end, not after each operation; and hue is a rotation about the
    grey axis in YIQ, which keeps the luminance, not a shift of HSV's hue, which keeps the largest channel.

    VSPP, auxSKD and VideoPace draw for every frame (strengths 0.8, 0.8, 0.8, 0.2, probability 0.8); RSPNet draws
    once for a window (0.4, 0.4, 0.4, 0.4, probability 1).

    Reads and writes ``imgs`` (uint8 [H, W, 3], RGB); reads ``clip_len``. Inside ``EachClip`` a group counts as one
    clip.

    Args:
        brightness: Strength, >= 0.
        contrast: Strength, >= 0.
        saturation: Strength, >= 0.
        hue: Strength in 0..0.5, in turns of the colour circle.
        probability: Chance that a frame (a clip when ``consistent``) is changed at all.
        consistent: One draw for all frames of a clip instead of one per frame.
    """

    changes_colour_only = True

    def __init__(
        self,
        brightness: float,
        contrast: float,
        saturation: float,
        hue: float,
        probability: float = 0.8,
        consistent: bool = False,
    ) -> None:
        if min(brightness, contrast, saturation) < 0:
            raise ValueError(
                f'brightness, contrast and saturation must not be negative, got {brightness}, {contrast}, {saturation}'
            )
        if not 0 <= hue <= 0.5:
            raise ValueError(f'hue must lie in 0..0.5 (turns of the colour circle), got {hue}')
        check_share('probability', probability)
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue
        self.probability = probability
        self.consistent = consistent
        strengths = np.array([brightness, contrast, saturation])
        self._lowest = np.append(np.maximum(0, 1 - strengths), -hue)
        self._highest = np.append(1 + strengths, hue)

    def transform(self, results: dict) -> dict:
        jitter = self._jitter_together if self.consistent else self._jitter_each
        results['imgs'] = [frame for clip in _split_into_clips(results) for frame in jitter(clip)]
        return results

    def _draw(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """``count`` independent draws: (chosen or not [n], factors [n, 4])."""
        chosen = np.random.random(count) < self.probability
        factors = np.random.uniform(self._lowest, self._highest, size=(count, 4))
        np.random.random((count, 4))  # earlier versions drew an order here; keeps the draws of a seed the same
        return chosen, factors

    def _jitter_each(self, frames: list[np.ndarray]) -> list[np.ndarray]:
        chosen, factors = self._draw(len(frames))
        # On the views that a crop leaves behind OpenCV is several times slower.
        frames = [np.ascontiguousarray(frame) for frame in frames]
        matrices = jitter_matrices(factors, np.array([cv2.mean(frame)[:3] for frame in frames]))
        return [
            cv2.transform(frame, matrix) if is_chosen else frame
            for frame, is_chosen, matrix in zip(frames, chosen, matrices)
        ]

    def _jitter_together(self, frames: list[np.ndarray]) -> list[np.ndarray]:
        chosen, factors = self._draw(1)
        if not chosen[0]:
            return frames
        clip = np.stack(frames)
        column = clip.reshape(-1, clip.shape[2], 3)  # the frames one below the other: OpenCV takes one picture
        matrix = jitter_matrices(factors, np.array([cv2.mean(column)[:3]]))[0]
        return list(cv2.transform(column, matrix).reshape(clip.shape))


@TRANSFORMS.register_module()
class RandomGray(Transform):
    """Turns whole clips grey at random; the three channels stay, with equal values.

    Reads and writes ``imgs`` (uint8 [H, W, 3], RGB); reads ``clip_len``. Inside ``EachClip`` a group counts as one
    clip.

    Args:
        probability: Chance that a clip turns grey.
    """

    changes_colour_only = True

    def __init__(self, probability: float = 0.2) -> None:
        check_share('probability', probability)
        self.probability = probability

    def transform(self, results: dict) -> dict:
        frames = []
        for clip in _split_into_clips(results):
            if np.random.random() < self.probability:
                clip = [cv2.transform(np.ascontiguousarray(frame), saturation_matrix(0)) for frame in clip]
            frames.extend(clip)
        results['imgs'] = frames
        return results


@TRANSFORMS.register_module()
class ChannelSplit(Transform):
    """Copies one of a frame's three channels, drawn at random, to all three, so that colours tell nothing.

    "Unsupervised Representation Learning by Sorting Sequences" (OPN; Lee, Huang, Singh, Yang, 2017). Its released code draws
    for each frame.

    Reads and writes ``imgs`` (uint8 [H, W, 3], RGB); reads ``clip_len``. Inside ``EachClip`` a group counts as one clip.

    Args:
        probability: chance that a frame (a clip when ``consistent``) is changed at all.
        consistent: one draw for all frames of a clip instead of one per frame.
    """

    changes_colour_only = True

    def __init__(self, probability: float = 1.0, consistent: bool = False) -> None:
        check_share('probability', probability)
        self.probability = probability
        self.consistent = consistent

    def transform(self, results: dict) -> dict:
        frames: list[np.ndarray] = []
        for clip in _split_into_clips(results):
            for part in [clip] if self.consistent else [[frame] for frame in clip]:
                chosen, channel = np.random.random() < self.probability, np.random.randint(3)
                frames.extend(np.repeat(frame[..., channel, None], 3, axis=2) if chosen else frame for frame in part)
        results['imgs'] = frames
        return results
