"""The sampler of PSP: clips of one video at different paces, one of them backwards, in random order.

Source: Hyeon Cho, Taehoon Kim, Hyung Jin Chang, Wonjun Hwang, "Self-Supervised Visual Learning by Variable Playback Speeds
Prediction of a Video", 2021 (first version, 2020: "Self-Supervised Spatio-Temporal Representation Learning Using Variable
Playback Speed Prediction"). The authors released no code.
"""

from collections.abc import Sequence

import numpy as np

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import TRANSFORMS

from .clip_order import MAX_TUPLE_LEN, clip_orders, ordinal
from .clip_sampler import IGNORED_LABEL, ClipLabel, ClipSampler, Labels, speed_in_words
from .pace_indices import hides_speed, place_offsets


@TRANSFORMS.register_module()
class SamplePaceOrder(ClipSampler):
    """Sample one clip at each of several paces, show them in random order, and label them with the order of their paces.

    A clip at pace ``s`` has every ``s``-th frame; a negative pace plays backwards. Each clip has a start of its own,
    uniform over all starts where it fits. In a shorter video its frames go round (indices modulo the length).

    ``gt_order`` is the index, in the lexicographic list of permutations (:func:`~.clip_order.clip_orders`), of the order
    whose entry ``i`` is the rank of the pace of the clip at position ``i``. Rank 0 is the lowest pace, backwards.
    So :class:`~videossl.models.OrderHead` predicts it as it predicts the order of clips in time. The order is drawn first,
    uniformly, then the start of each clip, in the order shown, all from NumPy's global generator.

    The paces are those of the paper's first figure. That each pace occurs once and that a class is an order of the paces is
    a reading of its abstract.

    Required and added keys are those of :class:`~.clip_sampler.ClipSampler`; V is the number of paces, or K. The label is
    ``gt_order``, an int64 scalar, or -100 in videos that are too short for the largest pace
    (:func:`~.pace_indices.hides_speed`: at most 8 frames by default). With ``num_views`` there is no label.

    Args:
        clip_len: Frames per clip T.
        speeds: The paces: 2 to 5 different integers, none of them 0.
        num_views: None for one clip at each pace; else the number of independent clips K, each at a random one of the
            paces: the views of an auxiliary stage.

    Raises:
        ConfigError: at build time; the message names the parameter.
    """

    labels = dict(gt_order=ClipLabel(lambda label: f'order {label + 1}', per_clip=False, of_spacing=True))

    def __init__(self, clip_len: int = 16, speeds: Sequence[int] = (-1, 1, 4), num_views: int | None = None) -> None:
        for speed in speeds:
            check_integer('SamplePaceOrder: the amount of each of speeds', abs(speed))
        if not 2 <= len(set(speeds)) == len(speeds) <= MAX_TUPLE_LEN:
            raise ConfigError(
                f'SamplePaceOrder: speeds must be 2 to {MAX_TUPLE_LEN} different paces, since every order is a class, '
                f'got {speeds}'
            )
        super().__init__(clip_len, len(speeds) if num_views is None else num_views)
        self.speeds = tuple(sorted(speeds))
        self.num_views = num_views
        self.orders = clip_orders(len(speeds))

    def sample(self, total_frames: int, results: dict) -> tuple[list[np.ndarray], dict[str, np.int64]]:
        if self.num_views is not None:
            ranks = np.random.randint(len(self.speeds), size=self.num_views)
            return [self._draw_clip(rank, total_frames) for rank in ranks], {}
        order_class = np.random.randint(len(self.orders))
        clips = [self._draw_clip(rank, total_frames) for rank in self.orders[order_class]]
        if hides_speed(total_frames, max(map(abs, self.speeds))):
            order_class = IGNORED_LABEL
        return clips, dict(gt_order=np.int64(order_class))

    def _draw_clip(self, rank: int, total_frames: int) -> np.ndarray:
        return place_offsets(self.speeds[rank] * np.arange(self.clip_len), total_frames)

    def describe_clip(self, labels: Labels, view: int) -> str:
        order_class = int(labels.get('gt_order', IGNORED_LABEL))
        if order_class == IGNORED_LABEL:
            return ''
        rank = self.orders[order_class][view]
        return f'{pace_in_words(self.speeds[rank])}: {ordinal(rank + 1)} by pace'

    def describe_label(self, name: str, label: int) -> str:
        if label == IGNORED_LABEL:
            return super().describe_label(name, label)
        paces = ', '.join(str(self.speeds[rank]) for rank in self.orders[label])
        return f'order {label + 1} of {len(self.orders)}: shown are the paces {paces}'

    def altered_positions(self, labels: Labels, view: int) -> np.ndarray:
        order_class = int(labels.get('gt_order', IGNORED_LABEL))
        is_altered = order_class != IGNORED_LABEL and self.speeds[self.orders[order_class][view]] != 1
        return np.full(self.clip_len, is_altered)


def pace_in_words(speed: int) -> str:
    """A pace in words.

    Examples:
        >>> pace_in_words(4), pace_in_words(-1)
        ('4 times natural speed', 'backwards at natural speed')
    """
    return speed_in_words(speed) if speed > 0 else f'backwards at {speed_in_words(-speed)}'
