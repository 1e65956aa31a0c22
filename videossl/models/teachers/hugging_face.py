"""A segmentation network in Hugging Face's format as a teacher."""

import json
import os.path
from collections.abc import Mapping, Sequence
from typing import Any

from videossl.registry import MODELS

from .class_names import find_left_right_pairs
from .frozen_teacher import FrozenTeacher


@MODELS.register_module()
class HuggingFaceTeacher(FrozenTeacher):
    """A semantic segmentation network that lies in a folder, as ``save_pretrained`` of transformers writes it.

    Nothing is downloaded. Class names and left/right pairs come from ``config.json``, colour statistics and input size
    from ``preprocessor_config.json``.

    Args:
        folder: path of the folder.
        input_size: height and width at which the network sees a frame, or one number for both. None: what
            ``preprocessor_config.json`` says; the side of a square where it gives the shorter edge alone.
        left_right_pairs: pairs of classes that are swapped in a mirror image. None: found by the classes' names, such as
            ``Left-arm`` and ``Right-arm``.

    Raises:
        ValueError: there is no such folder, it has no model in it, or the file lacks some of the network's weights.
        ImportError: transformers is not installed.
    """

    def __init__(
        self,
        folder: str,
        input_size: int | Sequence[int] | None = None,
        left_right_pairs: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        if not isinstance(folder, (str, os.PathLike)) or not os.path.isdir(folder):
            raise ValueError(
                f'HuggingFaceTeacher: folder={str(folder)!r} is not a folder on this machine. Nothing is '
                'downloaded: fetch the model beforehand (huggingface-cli download NAME --local-dir FOLDER)'
            )
        for name in ('config.json', 'preprocessor_config.json'):
            if not os.path.isfile(os.path.join(folder, name)):
                raise ValueError(
                    f'HuggingFaceTeacher: {folder} has no {name}; it must hold what save_pretrained of the '
                    'model and of its image processor wrote'
                )
        try:
            from transformers import AutoModelForSemanticSegmentation
        except ImportError as error:
            raise ImportError(
                f'HuggingFaceTeacher needs the package transformers: pip install "transformers>=4.45,<6" ({error})'
            ) from error
        network, report = AutoModelForSemanticSegmentation.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
        # transformers only warns of these, and fills them with random numbers.
        missing = sorted(str(name) for name in report['missing_keys'])
        if missing:
            raise ValueError(
                f'HuggingFaceTeacher: {folder} has no weights for {len(missing)} tensors of '
                f'{type(network).__name__} ({", ".join(missing[:3])}, ...); is it a backbone, without the head '
                'that segments?'
            )
        with open(os.path.join(folder, 'preprocessor_config.json'), encoding='utf-8') as file:
            processor = json.load(file)
        mean, std = colour_statistics(processor)
        class_names = [str(network.config.id2label[index]) for index in range(network.config.num_labels)]
        super().__init__(
            network.float(),
            num_classes=len(class_names),
            mean=mean,
            std=std,
            to_bgr=bool(processor.get('do_flip_channel_order', False)),
            input_size=resize_size(processor) if input_size is None else input_size,
            class_names=class_names,
            left_right_pairs=find_left_right_pairs(class_names) if left_right_pairs is None else left_right_pairs,
        )


def colour_statistics(processor: Mapping) -> tuple[list[float], list[float]]:
    """Mean and standard deviation in 0..255 that do what an image processor does: rescale, then normalise."""
    factor = processor.get('rescale_factor', 1 / 255) if processor.get('do_rescale', True) else 1
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if processor.get('do_normalize', True):
        if 'image_mean' not in processor or 'image_std' not in processor:
            raise ValueError(
                'HuggingFaceTeacher: preprocessor_config.json has no image_mean and image_std; add them, or '
                '"do_normalize": false'
            )
        mean, std = processor['image_mean'], processor['image_std']
    return [value / factor for value in mean], [value / factor for value in std]


def resize_size(processor: Mapping) -> tuple[int, int] | None:
    """Height and width of the input that an image processor makes; None where it leaves the size alone."""
    size = processor.get('size') if processor.get('do_resize', True) else None
    # A crop would omit parts of the frame: the frame is scaled to the crop's size instead.
    if processor.get('do_center_crop', False):
        size = processor.get('crop_size', size)
    if isinstance(size, Mapping):
        side: Any = size.get('shortest_edge')
        return (size.get('height') or side, size.get('width') or side)
    return (size, size) if isinstance(size, int) else size
