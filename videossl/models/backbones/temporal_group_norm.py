"""Batch norms that differ along the time of a map, and the conversion of a net to them."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from videossl.checks import check_integer
from videossl.errors import ConfigError


class TemporalGroupNorm(nn.Module):
    """A batch norm of its own for each of several stretches of a map in time (PSP's "temporal group normalization").

    Source: Hyeon Cho, Taehoon Kim, Hyung Jin Chang, Wonjun Hwang, "Self-Supervised Visual Learning by Variable Playback
    Speeds Prediction of a Video", 2021, figure 2.

    Shape: [N, C, T, H, W] -> the same; T is ``num_frames``, except on the meta device. Stretches differ by one frame at most.
    In a hand-off the weights of a plain net's batch norm fill every stretch.

    Args:
        norm: the batch norm that each stretch starts from.
        num_groups: number of stretches.
        num_frames: length of the map.
    """

    def __init__(self, norm: nn.BatchNorm3d, num_groups: int, num_frames: int) -> None:
        super().__init__()
        self.num_frames = num_frames
        self.norms = nn.ModuleList(copy.deepcopy(norm) for _ in range(num_groups))
        self.copies = [f'norms.{number}' for number in range(num_groups)]  # for a hand-off from a plain net

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[2] != self.num_frames and not x.is_meta:
            raise ConfigError(
                f'TemporalGroupNorm: a map of {x.shape[2]} frames, but the net was converted for {self.num_frames} here; '
                'clips must have the length of backbone.temporal_groups.clip_len'
            )
        stretches = x.tensor_split(len(self.norms), dim=2)
        return torch.cat([norm(stretch) for norm, stretch in zip(self.norms, stretches)], dim=2)


def group_batch_norms(net: nn.Module, clip_len: int = 16, group_len: int = 4, num_groups: int | None = None) -> None:
    """Replace the batch norms of a net, in place, by one :class:`TemporalGroupNorm` each.

    A map of t frames gets ``t // group_len`` stretches. Where this is 1 or 0 the batch norm stays. How many stretches the
    authors take is not known; the paper says that the number depends on the layer. In evaluation the converted net gives
    what the net gave.

    With ``num_groups`` every batch norm gets that many stretches, as in the released code of CEP, which has two. The shortest map
    must have as many frames.

    Args:
        net: takes clips [N, C, T, H, W].
        clip_len: frames of a clip T, in training and test alike.
        group_len: frames in a stretch.
        num_groups: number of stretches in every layer; ``group_len`` then has no effect.
    """
    check_integer('temporal_groups: clip_len', clip_len)
    check_integer('temporal_groups: group_len', group_len)
    if num_groups is not None:
        check_integer('temporal_groups: num_groups', num_groups)
    lengths: dict[nn.Module, int] = {}
    trial = copy.deepcopy(net).eval().to('meta')
    norms = {name: module for name, module in trial.named_modules() if isinstance(module, nn.BatchNorm3d)}
    for norm in norms.values():
        norm.register_forward_pre_hook(lambda module, inputs: lengths.update({module: inputs[0].shape[2]}))
    in_channels = next(module.in_channels for module in trial.modules() if isinstance(module, nn.Conv3d))
    with torch.no_grad():
        trial(torch.empty(1, in_channels, clip_len, 128, 128, device='meta'))
    for name, norm in norms.items():
        length = lengths.get(norm, 0)
        groups = length // group_len if num_groups is None else num_groups
        if num_groups is not None and 0 < length < num_groups:
            raise ConfigError(
                f'backbone.temporal_groups.num_groups={num_groups}, but the map of {type(net).__name__}.{name} has {length} '
                f'frames at clip_len={clip_len}; take longer clips, or a net that keeps more of them'
            )
        if groups > 1:
            plain: Any = net.get_submodule(name)
            net.set_submodule(name, TemporalGroupNorm(plain, groups, length))
