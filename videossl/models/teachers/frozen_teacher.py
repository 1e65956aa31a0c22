"""The base of all frozen teachers."""

from collections.abc import Callable, Mapping, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from videossl.checks import check_integer, checked_size
from videossl.models.autocast import in_float32


class FrozenTeacher(BaseModule):
    """A trained network that classifies each position of a frame.

    Nothing that is done to the model around it changes it: its parameters require no gradient, ``train()`` leaves it in eval
    mode (batch norms keep their statistics), and mmengine's initialisation, ``half()`` and autocast have no effect. The module
    that holds it keeps it out of the model's checkpoint and optimiser.

    Args:
        network: maps normalised images [N, 3, H, W] to logits [N, num_classes, h, w], or to a dict with these as
            ``'logits'`` or ``'out'``.
        num_classes: number of classes.
        mean: per channel, in 0..255, in the order in which the network sees the channels.
        std: likewise.
        to_bgr: the network sees BGR.
        input_size: height and width at which the network sees a frame, or one number for both. None: the frame's own.
            Frames are resized bilinearly to it, whatever their aspect ratio, so that the logits cover the frame exactly.
        class_names: names of the classes in index order. None: their numbers.
        left_right_pairs: pairs of classes that are swapped in a mirror image.

    Attributes:
        num_classes, class_names, left_right_pairs, input_size: as above; ``input_size`` as (height, width) or None.

    Raises:
        ValueError: an argument does not fit, by name.
    """

    def __init__(
        self,
        network: nn.Module,
        num_classes: int,
        mean: Sequence[float],
        std: Sequence[float],
        to_bgr: bool = False,
        input_size: int | Sequence[int] | None = None,
        class_names: Sequence[str] | None = None,
        left_right_pairs: Sequence[tuple[int, int]] = (),
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_integer(f'{name}: num_classes', num_classes, minimum=2)
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(
                f'{name}: mean and std need one value in 0..255 for each of the 3 channels, std positive, '
                f'got mean={mean}, std={std}'
            )
        if class_names is not None and len(class_names) != num_classes:
            raise ValueError(f'{name}: {len(class_names)} class_names for num_classes={num_classes}')
        pairs = tuple(tuple(pair) for pair in left_right_pairs)
        classes = [index for pair in pairs for index in pair]
        if (
            any(len(pair) != 2 for pair in pairs)
            or len(set(classes)) != len(classes)
            or not all(isinstance(index, int) and 0 <= index < num_classes for index in classes)
        ):
            raise ValueError(
                f'{name}: left_right_pairs must be pairs of different classes from 0 to {num_classes - 1}, '
                f'each class in one pair, got {left_right_pairs!r}'
            )
        self.num_classes = num_classes
        self.class_names = tuple(class_names or map(str, range(num_classes)))
        self.left_right_pairs = pairs
        self.to_bgr = to_bgr
        self.input_size = checked_size(f'{name}: input_size', input_size, minimum=2)
        self.network = network
        # Not saved: they are arguments, and a checkpoint of the network should load without them.
        self.register_buffer('mean', torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    @torch.no_grad()
    def forward(self, frames: Tensor) -> Tensor:
        """Logits of each frame, in fp32, without gradient.

        Args:
            frames: [N, 3, H, W], RGB, 0..255, uint8 or float. They are moved to the teacher's device.

        Returns:
            [N, num_classes, h, w], before softmax. The map covers exactly the frame; h and w depend on the network.
        """
        if frames.ndim != 4 or frames.shape[1] != 3:
            raise ValueError(f'{type(self).__name__} takes RGB frames [N, 3, H, W], got {tuple(frames.shape)}')
        frames = frames.to(self.mean)
        with in_float32(frames):
            images = self.to_input(frames.flip(1) if self.to_bgr else frames)
            logits = self._logits(self.network((images - self.mean) / self.std))
            return self.to_frame(logits.float(), frames.shape[-2:])

    def to_input(self, frames: Tensor) -> Tensor:
        """Frames [N, 3, H, W] in 0..255, resized to the input size."""
        if self.input_size is None:
            return frames
        return nn.functional.interpolate(frames, self.input_size, mode='bilinear', align_corners=False)

    def to_frame(self, logits: Tensor, frame_size: Sequence[int]) -> Tensor:
        """Logits of the input, cut to what covers the frame: all of them, unless ``to_input`` pads."""
        return logits

    def _logits(self, output: Tensor | Mapping) -> Tensor:
        if isinstance(output, Mapping):
            name = next((name for name in ('logits', 'out') if name in output), None)
            if name is None:
                raise ValueError(
                    f'{type(self).__name__}: the network returns a dict with {list(output)}, but neither '
                    '"logits" nor "out"; wrap it in a module that returns the logits'
                )
            output = output[name]
        if not isinstance(output, Tensor) or output.ndim != 4 or output.shape[1] != self.num_classes:
            found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
            raise ValueError(
                f'{type(self).__name__}: the network must return logits [N, num_classes={self.num_classes}, '
                f'h, w], got {found}'
            )
        return output

    def train(self, mode: bool = True) -> 'FrozenTeacher':
        """Stays in eval mode, whatever ``mode`` is."""
        return super().train(False)

    def init_weights(self) -> None:
        """Does nothing: the network is trained."""
        self.is_init = True

    def apply(self, fn: Callable) -> 'FrozenTeacher':
        """Does nothing: the initialisation by layer type of a module around it calls this."""
        return self

    def _apply(self, fn: Callable, recurse: bool = True) -> 'FrozenTeacher':
        # `model.half()` must not change the teacher's precision; devices and memory formats are passed on.
        def keep_precision(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        return super()._apply(keep_precision, recurse)
