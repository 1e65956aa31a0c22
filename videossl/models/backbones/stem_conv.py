"""A convolution of few channels with stride 2, in the form that CPUs compute fastest."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FEW_CHANNELS = 4


class StemConv3d(nn.Conv3d):
    """A 3-D convolution with stride 2 over height and width; on a CPU in bf16 computed from blocks of 2 x 2 pixels.

    CPUs multiply bf16 in tiles of 32 input channels and more, which a clip's 3 leave nearly empty. So each block of 2 x 2
    pixels becomes one pixel of four times the channels, and the kernel likewise, with a row and a column of zeros added
    where its size is odd: the same products, with stride 1, summed in another order. For 3x7x7 and 64 channels forward
    and backward take half the time. Elsewhere, and in other precisions, it is torch's own convolution. Weights, bias and
    their gradients have the shapes of ``nn.Conv3d``.

    Arguments: those of ``nn.Conv3d``; see :meth:`suits`.

    Shape: [N, in_channels, T, H, W] -> as ``nn.Conv3d``.
    """

    @staticmethod
    def suits(in_channels: int, kernel_size: tuple[int, int, int], stride: tuple[int, int, int]) -> bool:
        """Whether a convolution of this kind is worth it: few channels, a kernel over space, stride 2 over space."""
        return in_channels <= FEW_CHANNELS and min(kernel_size[1:]) > 1 and tuple(stride[1:]) == (2, 2)

    def forward(self, x: Tensor) -> Tensor:
        if not self._folds(x):
            return super().forward(x)
        padding = self.padding
        assert not isinstance(padding, str)
        (top, bottom), (left, right) = (
            far_padding(x.shape[axis], self.kernel_size[axis - 2], padding[axis - 2]) for axis in (3, 4)
        )
        clips = F.pad(x.to(torch.bfloat16), (left, right, top, bottom))
        kernel = F.pad(self.weight, (0, self.kernel_size[2] % 2, 0, self.kernel_size[1] % 2))
        return F.conv3d(
            blocks_to_channels(clips),
            blocks_to_channels(kernel).to(torch.bfloat16),
            None if self.bias is None else self.bias.to(torch.bfloat16),
            (self.stride[0], 1, 1),
            (padding[0], 0, 0),
        )

    def _folds(self, x: Tensor) -> bool:
        if x.device.type != 'cpu' or x.ndim != 5:
            return False
        dtype = torch.get_autocast_dtype('cpu') if torch.is_autocast_enabled('cpu') else x.dtype
        plain = self.groups == 1 and self.dilation == (1, 1, 1) and self.padding_mode == 'zeros'
        return dtype == torch.bfloat16 and plain and self.stride[1:] == (2, 2) and not isinstance(self.padding, str)


def far_padding(size: int, kernel: int, padding: int) -> tuple[int, int]:
    """Pixels to add before and after a side, so that a kernel that steps by 2, made even, sees whole blocks only."""
    steps = (size + 2 * padding - kernel) // 2
    return padding, 2 * steps + kernel + kernel % 2 - size - padding


def blocks_to_channels(x: Tensor) -> Tensor:
    """[N, C, T, H, W] with even H and W -> [N, 4 C, T, H / 2, W / 2], channels last in memory."""
    n, channels, time, height, width = x.shape
    blocks = x.reshape(n, channels, time, height // 2, 2, width // 2, 2).permute(0, 2, 3, 5, 4, 6, 1)
    return blocks.reshape(n, time, height // 2, width // 2, 4 * channels).permute(0, 4, 1, 2, 3)
