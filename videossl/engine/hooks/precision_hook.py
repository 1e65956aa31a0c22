"""One switch for the precision of training, validation and test."""

import functools
from collections.abc import Callable

import torch
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import nn

from videossl.checks import check_choice
from videossl.errors import ConfigError
from videossl.precision import (
    PRECISIONS,
    compute_short_convolutions_in_fp32,
    has_wrong_bf16_gradients,
    resolve_precision,
)
from videossl.registry import HOOKS
from videossl.wrappers import unwrap


@HOOKS.register_module()
class PrecisionHook(Hook):
    """Runs the model's forward pass under autocast and in channels-last layout, in training, validation and test.

    mmengine has two switches instead, the optimiser wrapper's type and the loops' ``fp16``, and its ``AmpOptimWrapper``
    refuses CPUs. Weights, optimiser, memory bank, similarities and losses stay fp32.

    Args:
        precision: ``'fp32'``, ``'bf16'``, ``'fp16'``, or ``'auto'``: bf16 where the hardware has it, else fp32. ``'fp16'`` is
            for GPUs without bf16; training then needs ``optim_wrapper.type='AmpOptimWrapper'`` for its loss scaling
            (``tools/train.py --amp`` sets both).
        channels_last: whether weights are ``channels_last_3d``, which convolutions then compute in. None: always on a CPU
            (where fp32, too, is about 1.3 times faster with it), elsewhere with bf16 and fp16.

    Raises:
        ConfigError: the precision is unknown, or does not fit the device or the optimiser wrapper.
    """

    priority = 'VERY_HIGH'

    def __init__(self, precision: str = 'auto', channels_last: bool | None = None) -> None:
        check_choice('PrecisionHook: precision', precision, PRECISIONS)
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
                raise ConfigError('precision fp16 is for GPUs; on a CPU use bf16, fp32 or auto')
            wrapper = runner.optim_wrapper  # in a test it is not built
            if isinstance(wrapper, OptimWrapper) and not isinstance(wrapper, AmpOptimWrapper):
                raise ConfigError('precision fp16 needs loss scaling: set optim_wrapper.type to AmpOptimWrapper')
        use_precision(model, precision, device_type, channels_last)
        if channels_last and is_model_wrapper(runner.model):
            # torch 2.13 averages wrong gradients in the first backward pass when strides have changed since the wrapper
            # laid out its buckets. Wrap again; the old wrapper removes its autograd hooks when it is freed.
            runner.model = None
            runner.model = runner.wrap_model(runner.cfg.get('model_wrapper_cfg'), model)
        runner.logger.info(
            f'precision: {precision} on {device_type}, {"channels-last" if channels_last else "contiguous"}'
        )


def use_precision(model: nn.Module, precision: str, device_type: str, channels_last: bool) -> None:
    """Let a model's forward pass run in a precision and layout from now on."""
    if channels_last:
        for module in model.modules():
            if isinstance(module, nn.Conv3d):
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)
    setattr(model, 'autocast_precision', precision)
    if precision == 'fp32':
        return
    if precision == 'bf16' and device_type == 'cpu' and has_wrong_bf16_gradients():
        compute_short_convolutions_in_fp32(model)
    dtype = dict(bf16=torch.bfloat16, fp16=torch.float16)[precision]
    wrap_forward(model, lambda: torch.autocast(device_type=device_type, dtype=dtype))
    head = getattr(model, 'cls_head', None)
    if isinstance(head, nn.Module):
        # mmaction2's recognisers hand logits to NumPy, which has no bfloat16. Our own heads compute in fp32.
        wrap_forward(head, lambda: torch.autocast(device_type=device_type, enabled=False), as_float=True)


def wrap_forward(module: nn.Module, context: Callable[[], torch.autocast], as_float: bool = False) -> None:
    """Run a module's forward pass inside a context, with its tensor arguments cast to fp32 if ``as_float``."""
    forward = module.forward

    @functools.wraps(forward)
    def forward_in_context(*args, **kwargs):
        if as_float:
            args = tuple(arg.float() if isinstance(arg, torch.Tensor) else arg for arg in args)
        with context():
            return forward(*args, **kwargs)

    module.forward = forward_in_context
