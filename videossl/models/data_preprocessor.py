"""From uint8 clips in host memory to normalised floats on the device."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from videossl.checks import check_choice
from videossl.errors import ConfigError
from videossl.registry import MODELS

from .building import build

MOTIONS = ('clip_mean', 'difference')


@MODELS.register_module()
class ClipDataPreprocessor(BaseDataPreprocessor):
    """Collate, move and normalise clips.

    Clips are moved to the device as uint8, a quarter of the bytes of floats, and are cast and normalised there. For
    pretrainers and mmaction2's recognisers.

    Args:
        mean: per channel, in the units of ``scale``'s result. The default, with ``std``, is ImageNet's in 0..255.
        std: per channel. The papers' released code (auxSKD, VSPP, VideoPace) uses mean 0 and std 1 on BGR:
            ``mean=(0, 0, 0), std=(1, 1, 1), to_bgr=True``; VCOP divides by 255: ``mean=(0, 0, 0), std=(255,) * 3``.
        to_bgr: swap the channels from RGB, as decoded, to BGR.
        random_size: ``(low, high)``: in training every batch is resized (bilinear) to squares of one random side from ``low``
            to ``high - 1`` pixels, drawn by torch's generator of the CPU. Each process draws its own (SpeedNet).
        motion: what is left of a pixel. None: its value. ``'clip_mean'``: its value minus its mean over the clip's frames:
            background subtraction for a camera that stands still. ``'difference'``: its value minus that in the frame
            before, 0 in the first frame ("Rethinking Motion Representation: Residual Frames with 3D ConvNets", Tao, Wang,
            Yamasaki, 2021). What does not move becomes 0 in both. The scale stays: nets begin with a normalised layer.
        non_blocking: do not wait for the copy to the device (with pinned memory).
        blending: mixes the clips of a batch and their labels in training, for recognisers: ``MixupBlending``,
            ``CutmixBlending`` or ``RandomBatchAugment`` of mmaction2, whose ``num_classes`` is that of the head. The training's
            log then has no accuracy.

    Shapes:
        in: a list of B uint8 tensors [V, 3, T, H, W], or one tensor [B, V, 3, T, H, W].
        out: ``dict(inputs=float [B, V, 3, T, H, W], data_samples=list of B)``.
    """

    def __init__(
        self,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        to_bgr: bool = False,
        random_size: tuple[int, int] | None = None,
        motion: str | None = None,
        non_blocking: bool = True,
        blending: dict | None = None,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        if len(mean) != 3 or len(std) != 3:
            raise ValueError(f'mean and std need one value for each of the 3 channels, got {mean} and {std}')
        if min(std) <= 0:
            raise ValueError(f'std must be positive, got {std}')
        if random_size is not None and not 1 <= random_size[0] < random_size[1]:
            raise ConfigError(
                f'ClipDataPreprocessor: random_size must be (low, high), low below high, got {random_size}'
            )
        if motion is not None:
            check_choice('ClipDataPreprocessor: motion', motion, MOTIONS)
        shape = (1, 3, 1, 1, 1)
        self.register_buffer('mean', torch.tensor(mean, dtype=torch.float32).view(shape), persistent=False)
        self.register_buffer('std', torch.tensor(std, dtype=torch.float32).view(shape), persistent=False)
        self.to_bgr = to_bgr
        self.random_size = random_size
        self.motion = motion
        with torch.device('cpu'):  # also where a net is built without memory: its distributions need their numbers
            self.blending: Any = None if blending is None else build(blending)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Normalise a batch; see the class for the shapes."""
        inputs = self.cast_data(data['inputs'])
        if not isinstance(inputs, Tensor):
            shapes = {tuple(clips.shape) for clips in inputs}
            if len(shapes) > 1:
                raise ValueError(
                    f'the samples of a batch differ in shape: {sorted(shapes)}; the pipeline must end with '
                    'clips of one number, length and size (a crop or Resize is missing)'
                )
            inputs = torch.stack(list(inputs))
        if self.to_bgr:
            inputs = inputs.flip(-4)
        inputs = (inputs.float() - self.mean).div_(self.std)
        if training and self.random_size is not None:
            side = int(torch.randint(*self.random_size, ()))
            frames = F.interpolate(inputs.flatten(0, 2), (side, side), mode='bilinear', align_corners=False)
            inputs = frames.unflatten(0, inputs.shape[:3])
        if self.motion == 'clip_mean':
            inputs = inputs - inputs.mean(3, keepdim=True)
        elif self.motion == 'difference':
            inputs = inputs.diff(dim=3, prepend=inputs[:, :, :, :1])
        samples = self._move_samples(data.get('data_samples'))
        if training and self.blending is not None:
            inputs, samples = self.blending(inputs, samples)
        return dict(inputs=inputs, data_samples=samples)

    def pixels_of(self, inputs: Tensor) -> Tensor:
        """The pixels in 0..1 of normalised clips [B, V, 3, T, H, W], in the channels' order of these.

        Raises:
            ConfigError: with ``motion``, which leaves nothing of what stands still.
        """
        if self.motion is not None:
            raise ConfigError(f"ClipDataPreprocessor: motion='{self.motion}' leaves no pixels to go back to; remove it")
        return (inputs * self.std + self.mean) / 255

    def _move_samples(self, samples: Any) -> Any:
        """Data samples with their fields on the device. mmengine would copy each sample's field by itself, and all meta
        information: milliseconds of every iteration on a GPU. Here a field is copied for the whole batch at once, and the
        samples are the loader's own."""
        if not (isinstance(samples, (list, tuple)) and all(isinstance(sample, BaseDataElement) for sample in samples)):
            return self.cast_data(samples)
        for name in dict.fromkeys(name for sample in samples for name in sample.keys()):
            owners = [sample for sample in samples if name in sample]
            values = [sample.get(name) for sample in owners]
            if not all(isinstance(value, Tensor) and value.shape == values[0].shape for value in values):
                values = [self.cast_data(value) for value in values]
            elif any(value.device.type != self.device.type for value in values):
                values = self.cast_data(torch.stack(values)).unbind()
            else:
                continue
            for sample, value in zip(owners, values):
                sample.set_field(value, name)
        return samples
