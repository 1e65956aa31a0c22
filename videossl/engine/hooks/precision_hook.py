"""One switch for the precision of training, validation and test."""

import functools
from collections.abc import Callable

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

from videossl.registry import HOOKS
from videossl.wrappers import unwrap

PRECISIONS = ('auto', 'fp32', 'bf16', 'fp16')


def cpu_has_bf16() -> bool:
    """Whether this CPU multiplies bf16 in hardware (AMX or AVX512-BF16); elsewhere bf16 is emulated, and slow."""
    checks = (getattr(torch.cpu, name, None) for name in ('_is_amx_tile_supported', '_is_avx512_bf16_supported'))
    return any(check() for check in checks if check is not None)


def resolve_precision(precision: str, device_type: str) -> str:
    """What ``'auto'`` means on a device: bf16 where the hardware has it, fp32 elsewhere."""
    if precision != 'auto':
        return precision
    if device_type == 'cpu':
        return 'bf16' if cpu_has_bf16() else 'fp32'
    if device_type == 'cuda':
        return 'bf16' if torch.cuda.is_bf16_supported(including_emulation=False) else 'fp32'
    return 'fp32'


@HOOKS.register_module()
class PrecisionHook(Hook):
    """Runs the model's forward pass, in training, validation and test alike, under autocast and in channels-last layout.

    mmengine has two switches instead, the optimiser wrapper's type and the loops' ``fp16``, and its
    ``AmpOptimWrapper`` refuses CPUs. Weights, optimiser, memory bank, similarities and losses stay fp32.

    Args:
        precision: ``'auto'``: bf16 where the hardware has it, else fp32. ``'bf16'`` and ``'fp32'``: as they say.
            ``'fp16'``: for GPUs without bf16; training then needs ``optim_wrapper.type='AmpOptimWrapper'`` for its loss
            scaling (``tools/train.py --amp`` sets both).
        channels_last: ``channels_last_3d`` weights, which the convolutions follow. None: on a CPU always (also fp32 is
            about 1.3 times faster so), elsewhere with bf16 and fp16.
    """

    priority = 'VERY_HIGH'

    def __init__(self, precision: str = 'auto', channels_last: bool | None = None) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f'PrecisionHook: precision must be one of {PRECISIONS}, got "{precision}"')
        self.precision = precision
        self.channels_last = channels_last

    def before_run(self, runner) -> None:
        model = unwrap(runner.model)
        if hasattr(model, 'autocast_precision'):  # train, then test, with one runner
            return
        device_type = get_device()
        precision = resolve_precision(self.precision, device_type)
        by_default = device_type == 'cpu' or precision != 'fp32'
        channels_last = by_default if self.channels_last is None else self.channels_last
        if precision == 'fp16':
            if device_type == 'cpu':
                raise ValueError('precision fp16 is for GPUs; on a CPU use bf16, fp32 or auto')
            wrapper = runner.optim_wrapper  # in a test it is not built
            if isinstance(wrapper, OptimWrapper) and not isinstance(wrapper, AmpOptimWrapper):
                raise ValueError('precision fp16 needs loss scaling: set optim_wrapper.type to AmpOptimWrapper')
        use_precision(model, precision, device_type, channels_last)
        if channels_last and is_model_wrapper(runner.model):
            # The wrapper has laid out its buckets for the old strides, and torch 2.13 averages wrong gradients in the first
            # backward pass when they have changed. So another one; the old one takes its autograd hooks along.
            runner.model = None
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)
        runner.logger.info(
            f'precision: {precision} on {device_type}, {"channels-last" if channels_last else "contiguous"}'
        )


def use_precision(model: nn.Module, precision: str, device_type: str, channels_last: bool) -> None:
    """Make a model's forward pass run in a precision and layout from now on."""
    if channels_last:
        for module in model.modules():
            if isinstance(module, nn.Conv3d):
                module.to(memory_format=torch.channels_last_3d)
    model.autocast_precision = precision
    if precision == 'fp32':
        return
    dtype = dict(bf16=torch.bfloat16, fp16=torch.float16)[precision]
    wrap_forward(model, lambda: torch.autocast(device_type=device_type, dtype=dtype))
    if hasattr(model, 'cls_head'):
        # mmaction2's recognisers hand logits to NumPy, which knows no bfloat16. Our own heads see to it themselves.
        wrap_forward(model.cls_head, lambda: torch.autocast(device_type=device_type, enabled=False), as_float=True)


def wrap_forward(module: nn.Module, context: Callable[[], torch.autocast], as_float: bool = False) -> None:
    """Run a module's forward pass inside a context, with its tensor arguments cast to fp32 if asked."""
    forward = module.forward

    @functools.wraps(forward)
    def forward_in_context(*args, **kwargs):
        if as_float:
            args = [arg.float() if isinstance(arg, torch.Tensor) else arg for arg in args]
        with context():
            return forward(*args, **kwargs)

    module.forward = forward_in_context
