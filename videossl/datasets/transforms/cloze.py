"""The video cloze procedure (VCP): the middle clip of a tuple is altered, and the net tells how.

Source: Dezhao Luo, Chang Liu, Yu Zhou, Dongbao Yang, Can Ma, Qixiang Ye, Weiping Wang, "Video Cloze Procedure for
Self-Supervised Spatio-Temporal Learning", 2020. The authors have released no code.
"""

from collections.abc import Sequence

import numpy as np

from videossl.checks import check_choice, check_integer
from videossl.registry import TRANSFORMS

from .base import Transform
from .clip_order import clip_orders, draw_tuple
from .clip_sampler import ClipLabel, ClipSampler, Labels

# The classes of gt_operation.
NOTHING, ROTATION, PERMUTATION, SWAP, REMOTE = range(5)
WORDS = ('as it is', 'rotated', 'blocks permuted', 'quarters of time swapped', 'from a remote place')
NUM_CHUNKS = 4


@TRANSFORMS.register_module()
class SampleCloze(ClipSampler):
    """Sample a tuple of clips that follow one another, the middle one altered or exchanged, and say by what operation.

    Five operations are drawn with equal probability. This sampler does those in time. Those in space are left to
    :class:`ApplyClozeOperation`, which a pipeline needs behind the crops; it also writes the label.

    =====  ===========  ==========================================================================================
    class  operation    middle clip
    =====  ===========  ==========================================================================================
    0      nothing      as it is
    1      rotation     all frames rotated by 90, 180 or 270 degrees
    2      permutation  the four quarters of all frames in another arrangement
    3      swap         two random ones of the clip's four quarters in time exchanged
    4      remote       another clip of the video, at least ``clip_len`` frames before or behind the tuple
    =====  ===========  ==========================================================================================

    The paper predicts the category of an operation in space or time. Which operations there are, their details, and the
    defaults of ``gap`` and ``clip_len``, are those of a reimplementation by others, or guesses.

    Short videos: the tuple shrinks as in :class:`~.clip_order.SampleClipOrder`. An operation that is impossible is not
    drawn, and the others stay equally likely. Remote is impossible where neither side of the tuple has
    ``2 clip_len`` frames: always below 96 frames with the defaults, never from 127 on. Swap is impossible below ``clip_len``
    frames, where a clip repeats itself.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`, with ``cloze_operation``, the class, in the
    place of the label; V is ``tuple_len``, or K.

    Args:
        tuple_len: Clips in a tuple, at least 2.
        clip_len: Frames per clip T, a multiple of 4.
        gap: Frames left out between two clips.
        num_views: None for a tuple. K: K independent clips, each of a tuple of its own, and no operation: the views of an
            auxiliary stage in front of this method.

    Raises:
        ValueError: at build time; the message names the parameter.
    """

    labels = dict(gt_operation=ClipLabel(lambda label: WORDS[label], per_clip=False, of_spacing=True))

    def __init__(self, tuple_len: int = 3, clip_len: int = 16, gap: int = 8, num_views: int | None = None) -> None:
        check_integer('tuple_len', tuple_len, 2)
        check_integer('gap', gap, 0)
        super().__init__(clip_len, tuple_len if num_views is None else num_views)
        if clip_len % NUM_CHUNKS:
            raise ValueError(
                f'clip_len must be a multiple of {NUM_CHUNKS}, the parts that are swapped, but is {clip_len}'
            )
        self.tuple_len = tuple_len
        self.gap = gap
        self.num_views = num_views

    @property
    def withheld(self) -> int:
        """Position of the clip that is altered, from 0."""
        return self.tuple_len // 2

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.int64]]:
        if self.num_views is not None:
            tuples = (self._draw_tuple(total_frames) for _ in range(self.num_views))
            return [clips[np.random.randint(self.tuple_len)] for clips in tuples], {}
        clips = self._draw_tuple(total_frames)
        remote_starts = self._remote_starts(clips, total_frames)
        possible = [NOTHING, ROTATION, PERMUTATION]
        possible += [SWAP] * (total_frames >= self.clip_len) + [REMOTE] * (len(remote_starts) > 0)
        operation = np.int64(np.random.choice(possible))
        if operation == SWAP:
            clips[self.withheld] = swap_chunks(clips[self.withheld])
        elif operation == REMOTE:
            clips[self.withheld] = np.random.choice(remote_starts) + np.arange(self.clip_len)
        return list(clips), dict(cloze_operation=operation)

    def _draw_tuple(self, total_frames: int) -> np.ndarray:
        return draw_tuple(total_frames, self.tuple_len, self.clip_len, self.gap)

    def _remote_starts(self, clips: np.ndarray, total_frames: int) -> np.ndarray:
        """Starts of clips that have ``clip_len`` frames or more between themselves and the tuple."""
        before = np.arange(clips.min() - 2 * self.clip_len + 1)
        behind = np.arange(clips.max() + 1 + self.clip_len, total_frames - self.clip_len + 1)
        return np.concatenate([before, behind])

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        altered = view == self.withheld and labels.get('gt_operation', NOTHING) != NOTHING
        return np.full(self.clip_len, altered)


def swap_chunks(clip: np.ndarray) -> np.ndarray:
    """A clip [T] with two random ones of its four quarters exchanged."""
    order = np.arange(NUM_CHUNKS)
    chosen = np.random.permutation(NUM_CHUNKS)[:2]
    order[chosen] = chosen[::-1]
    return clip.reshape(NUM_CHUNKS, -1)[order].reshape(-1)


@TRANSFORMS.register_module()
class ApplyClozeOperation(Transform):
    """Rotate the withheld clip or permute its blocks, if :class:`SampleCloze` has drawn that, and write the label.

    Goes behind the crops, since frames must be square with an even side. A sample without an operation stays as it is,
    and has no label.

    Reads: ``imgs`` (V * T arrays [H, W, 3]), ``clip_len``, ``cloze_operation``, ``clip_sampler``.
    Writes: ``imgs``, ``gt_operation``. Drops ``clip_geometry``, which cannot describe a rotation.

    Args:
        permutation: ``'random'``: one of the 23 arrangements of the four blocks that are not the original one.
            ``'reversed'``: always the blocks in reverse order, as in the reimplementation.

    Raises:
        ValueError: in use, if frames to be rotated or permuted are not square with an even side.
    """

    fields_written = ('gt_operation',)

    def __init__(self, permutation: str = 'random') -> None:
        check_choice('permutation', permutation, ('random', 'reversed'))
        self.permutation = permutation

    def transform(self, results: dict) -> dict:
        if 'cloze_operation' not in results:
            return results
        operation, clip_len = results['cloze_operation'], results['clip_len']
        start = results['clip_sampler'].withheld * clip_len
        frames = results['imgs'][start : start + clip_len]
        height, width = frames[0].shape[:2]
        if operation in (ROTATION, PERMUTATION) and (height != width or height % 2):
            raise ValueError(
                f'ApplyClozeOperation needs square frames with an even side, got {width}x{height}: crop before it, for '
                "instance dict(type='RandomCrop', size=112)"
            )
        if operation == ROTATION:
            quarters = np.random.randint(1, 4)
            frames = [np.ascontiguousarray(np.rot90(frame, quarters)) for frame in frames]
        elif operation == PERMUTATION:
            orders = clip_orders(4)  # the first is the identity, the last the reverse
            order = orders[-1 if self.permutation == 'reversed' else np.random.randint(1, len(orders))]
            frames = [permute_blocks(frame, order) for frame in frames]
        results['imgs'] = [*results['imgs'][:start], *frames, *results['imgs'][start + clip_len :]]
        results['gt_operation'] = operation
        results.pop('clip_geometry', None)
        return results


def permute_blocks(frame: np.ndarray, order: Sequence[int] | np.ndarray) -> np.ndarray:
    """A frame [S, S, C] whose quarter ``i`` is quarter ``order[i]`` of the original; quarters are counted row by row."""
    half = len(frame) // 2
    blocks = [frame[top : top + half, left : left + half] for top in (0, half) for left in (0, half)]
    top_left, top_right, bottom_left, bottom_right = (blocks[block] for block in order)
    return np.vstack([np.hstack([top_left, top_right]), np.hstack([bottom_left, bottom_right])])
