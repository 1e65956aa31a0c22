"""Every net at the papers' sizes: clips/s, share of the device's peak, memory; layout and torch.compile, each with its
gain."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from videossl.registry import MODELS

from .ceilings import tf32
from .timing import forget_peak, milliseconds, peak_gib


@dataclass(frozen=True)
class Net:
    """A backbone and the size of its clips and batch.

    Args:
        name: for the report.
        config: of the backbone.
        frames, size: of a clip.
        batch: clips.
        search: let cuDNN try its algorithms out, as every config does; for the largest clips it takes minutes.
    """

    name: str
    config: dict
    frames: int = 16
    size: int = 112
    batch: int = 30
    search: bool = True


NETS = (
    Net('R3D-10', dict(type='R3D', depth=10)),
    Net('R(2+1)D-10', dict(type='R2Plus1D', depth=10)),
    Net('R3D-18', dict(type='R3D', depth=18)),
    Net('C3D', dict(type='C3D')),
    Net('S3D-G', dict(type='S3DG')),
    Net('ResNet3D-18', dict(type='ResNet3D', depth=18)),
    Net('S3D-G, 64 frames of 224', dict(type='S3DG'), frames=64, size=224, batch=8, search=False),
)
# What is compared: precision, layout, compiled. What takes long to begin with comes last.
SETTINGS = (
    ('bf16', True, False),
    ('bf16', False, False),
    ('tf32', False, False),
    ('tf32', True, False),
    ('fp32', False, False),
    ('bf16', True, True),
)


def setting_name(precision: str, channels_last: bool, compiled: bool) -> str:
    """A setting in words."""
    return precision + (', channels-last' if channels_last else '') + (', compiled' if compiled else '')


def build_net(net: Net, device: str) -> nn.Module:
    """The backbone on its device, in train mode."""
    torch.manual_seed(0)
    return MODELS.build(dict(net.config, _scope_='videossl')).to(device).train()


def multiplications(net: Net) -> float:
    """GMAC of a forward and a backward pass of a batch, from torch's count of operations on tensors without values."""
    backbone = build_net(net, 'meta')
    with FlopCounterMode(display=False) as counter:
        backbone(torch.empty(1, 3, net.frames, net.size, net.size, device='meta')).float().mean().backward()
    return net.batch * counter.get_total_flops() / 2e9


def measure_net(
    net: Net, setting: tuple[str, bool, bool], device: str, peaks: dict[str, float], gmac: float, seconds: float
) -> dict:
    """Time forward and backward pass of one net in one setting.

    Args:
        setting: precision, whether the weights are channels-last, whether the net is compiled.
        peaks: from :func:`~.ceilings.ceilings`.
        gmac: from :func:`multiplications`.
        seconds: to measure for.

    Returns:
        ``ms``, ``clips_per_second``, ``gmac_per_second``, ``share`` of the precision's matrix product, ``memory`` in GiB.
    """
    precision, channels_last, compiled = setting
    forget_peak(device)
    backbone = build_net(net, device)
    if channels_last:
        for module in backbone.modules():  # as training does
            if isinstance(module, nn.Conv3d):
                module.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    forward = torch.compile(backbone, dynamic=False) if compiled else backbone
    clips = torch.randn(net.batch, 3, net.frames, net.size, net.size, device=device)

    def step() -> None:
        with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == 'bf16'):
            features = forward(clips)
        features.float().mean().backward()
        for parameter in backbone.parameters():
            parameter.grad = None

    benchmark = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = (
        precision != 'fp32'
    )  # as every config has it; without TF32 the search takes minutes
    try:
        with tf32(precision == 'tf32'):
            times = milliseconds(step, device, seconds, warm_up=3)
    finally:
        torch.backends.cudnn.benchmark = benchmark
    rate = gmac / times['median'] * 1e3
    return dict(
        ms=times['median'],
        least=times['least'],
        most=times['most'],
        runs=times['runs'],
        clips_per_second=net.batch / times['median'] * 1e3,
        gmac_per_second=rate,
        share=rate / peaks[precision if precision in peaks else 'fp32'],
        memory=peak_gib(device),
    )
