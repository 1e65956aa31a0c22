"""Any segmentation network as a teacher."""

from collections.abc import Sequence

from torch import nn

from videossl.registry import MODELS

from ..building import build
from .frozen_teacher import FrozenTeacher


@MODELS.register_module()
class ModuleTeacher(FrozenTeacher):
    """A module of your own that classifies every position of an image, frozen.

    Args:
        module: maps normalised images [N, 3, H, W] to logits [N, num_classes, h, w], or to a dict with these as
            ``'logits'`` or ``'out'``. It comes with its weights, and is frozen in place. A dict is built from the
            registry, and reads its weights in its constructor or by mmengine's ``init_cfg``. The map must cover the
            whole image.
        num_classes: number of classes.
        mean: per channel, in 0..255, in the order in which the module sees the channels. The default, with ``std``, is
            ImageNet's for RGB; for a module that takes 0..1: ``mean=(0, 0, 0), std=(255,) * 3``.
        std: likewise.
        to_bgr: the module sees BGR.
        input_size: height and width at which the module sees a frame, or one number for both. None: the frame's own.
        class_names: names of the classes in index order. None: their numbers.
        left_right_pairs: pairs of classes that are swapped in a mirror image;
            :func:`~videossl.models.teachers.find_left_right_pairs` finds them by name.
    """

    def __init__(
        self,
        module: nn.Module | dict,
        num_classes: int,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        to_bgr: bool = False,
        input_size: int | Sequence[int] | None = None,
        class_names: Sequence[str] | None = None,
        left_right_pairs: Sequence[tuple[int, int]] = (),
    ) -> None:
        net: nn.Module = build(module)
        # Here, since the model's initialisation skips a frozen teacher.
        if isinstance(module, dict) and callable(initialise := getattr(net, 'init_weights', None)):
            initialise()
        super().__init__(net, num_classes, mean, std, to_bgr, input_size, class_names, left_right_pairs)
