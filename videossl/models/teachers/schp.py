"""SCHP, the human parsing teacher."""

import logging
import os.path
from collections.abc import Sequence
from typing import NamedTuple

from mmengine.logging import print_log
from torch import Tensor

from videossl.checks import check_choice
from videossl.registry import MODELS

from .class_names import find_left_right_pairs
from .frozen_teacher import FrozenTeacher
from .letterbox import letterbox, undo_letterbox
from .schp_checkpoint import load_schp
from .schp_network import AugmentedCE2P


class ParsingDataset(NamedTuple):
    """A data set that SCHP was released for: the checkpoint's file, the input's side, the classes in index order."""

    checkpoint: str
    input_size: int
    class_names: tuple[str, ...]


DATASETS = {
    'lip': ParsingDataset(
        'exp-schp-201908261155-lip.pth',
        473,
        (
            *('Background', 'Hat', 'Hair', 'Glove', 'Sunglasses', 'Upper-clothes', 'Dress', 'Coat', 'Socks', 'Pants'),
            *('Jumpsuits', 'Scarf', 'Skirt', 'Face', 'Left-arm', 'Right-arm', 'Left-leg', 'Right-leg'),
            *('Left-shoe', 'Right-shoe'),
        ),
    ),
    'atr': ParsingDataset(
        'exp-schp-201908301523-atr.pth',
        512,
        (
            *('Background', 'Hat', 'Hair', 'Sunglasses', 'Upper-clothes', 'Skirt', 'Pants', 'Dress', 'Belt'),
            *('Left-shoe', 'Right-shoe', 'Face', 'Left-leg', 'Right-leg', 'Left-arm', 'Right-arm', 'Bag', 'Scarf'),
        ),
    ),
    'pascal-person-part': ParsingDataset(
        'exp-schp-201908270938-pascal-person-part.pth',
        512,
        ('Background', 'Head', 'Torso', 'Upper Arms', 'Lower Arms', 'Upper Legs', 'Lower Legs'),
    ),
}


@MODELS.register_module()
class SCHP(FrozenTeacher):
    """A frozen human parsing network: the body part, garment or background at each position of a frame.

    "Self-Correction for Human Parsing", Li, Xu, Wei, Yang, 2020: f_t of Equation 2 of the human-prior method. The input is
    prepared as in SCHP's own evaluation: BGR, ImageNet's mean and standard deviation, centred in the input on black
    (:mod:`~videossl.models.teachers.letterbox`). The whole frame is treated as one person. The result is the fusion map,
    without the black bars of a frame that is not square.

    Args:
        checkpoint: path of the released checkpoint of ``dataset``, which is not part of videossl.
        dataset: ``'lip'`` (20 classes), ``'atr'`` (18) or ``'pascal-person-part'`` (7 body parts without garments).
        input_size: height and width of the input, or one number for both. None: the size in training: 473 for LIP, 512 for
            the others.
        allow_random: without a checkpoint, go on with random weights, to try a pipeline out. A student learns nothing from
            them.
        layers: blocks in each stage of the network. Other values than the default are for tests.
        width: factor on the network's channels, likewise.

    Raises:
        ValueError: there is no checkpoint and ``allow_random`` is not set, or no such data set.
        FileNotFoundError: ``checkpoint`` is not a file.
        CheckpointError: the file is not a checkpoint of this network.

    Shapes:
        in: frames [N, 3, H, W], RGB, 0..255, uint8 or float.
        out: logits [N, C, h, w], fp32; h = w = 119 for square frames and LIP, 128 for the others.
    """

    input_size: tuple[int, int]  # never the frame's own

    def __init__(
        self,
        checkpoint: str | None = None,
        dataset: str = 'lip',
        input_size: int | Sequence[int] | None = None,
        allow_random: bool = False,
        layers: Sequence[int] = (3, 4, 23, 3),
        width: float = 1.0,
    ) -> None:
        check_choice('SCHP: dataset', dataset, DATASETS)
        released = DATASETS[dataset]
        if checkpoint is None and not allow_random:
            raise ValueError(
                f'SCHP has no weights: checkpoint is None. {_how_to_get(released)} Without the file, '
                'allow_random=True tries the rest out with a random teacher, from which nothing is learned'
            )
        if checkpoint is not None and not os.path.isfile(checkpoint):
            raise FileNotFoundError(f'SCHP: there is no file checkpoint={checkpoint!r}. {_how_to_get(released)}')
        super().__init__(
            AugmentedCE2P(len(released.class_names), layers, width),
            num_classes=len(released.class_names),
            mean=(0.406 * 255, 0.456 * 255, 0.485 * 255),
            std=(0.225 * 255, 0.224 * 255, 0.229 * 255),
            to_bgr=True,
            input_size=released.input_size if input_size is None else input_size,
            class_names=released.class_names,
            left_right_pairs=find_left_right_pairs(released.class_names),
        )
        if checkpoint is None:
            print_log(
                'SCHP: the teacher has random weights (allow_random=True); nothing can be learned from it',
                logger='current',
                level=logging.WARNING,
            )
        else:
            load_schp(self.network, checkpoint)

    def to_input(self, frames: Tensor) -> Tensor:
        """Frames [N, 3, H, W], centred on black in the input size."""
        return letterbox(frames, self.input_size)

    def to_frame(self, logits: Tensor, frame_size: Sequence[int]) -> Tensor:
        """Logits without the black bars; those of a square frame are left as they are."""
        return undo_letterbox(logits, (frame_size[0], frame_size[1]), self.input_size)


def _how_to_get(released: ParsingDataset) -> str:
    return (
        f'Download {released.checkpoint} (MIT licence) from the Google Drive folder that the README of '
        '"Self-Correction for Human Parsing" (GitHub: GoGoDuck912/Self-Correction-Human-Parsing) links to, and set '
        'checkpoint=PATH in the teacher, such as model.heads.parsing.teacher.checkpoint=PATH in a config.'
    )
