"""Checks of what comes into the layers of a model in its first pass: its width is only known then."""

from collections.abc import Callable

from mmengine.config import Config
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from videossl.engine import CompileHook
from videossl.errors import ConfigError
from videossl.wrappers import unwrap


def check_first_shapes(runner: Runner, config: Config) -> None:
    """Let the first forward pass of each layer raise a ConfigError that names the part where widths do not fit.

    Compiled backbones are left out, since a hook of theirs would be compiled with them.

    Args:
        runner: the runner of the model.
        config: the config; it tells which part has ``in_channels``.
    """
    is_compiled = any(isinstance(hook, CompileHook) for hook in runner.hooks)
    watch_first_shapes(unwrap(runner.model), config, is_compiled)


def watch_first_shapes(model: nn.Module, config: Config, is_compiled: bool = False) -> None:
    """As :func:`check_first_shapes`, for a model."""
    first_conv = next((module for module in model.modules() if isinstance(module, nn.Conv3d)), None)
    for name, module in model.named_modules():
        inner_conv = ('backbone' in name or 'teacher' in name) and module is not first_conv
        kinds = (nn.Linear, _BatchNorm) if inner_conv else (nn.Linear, _BatchNorm, nn.Conv3d)
        if isinstance(module, kinds) and not (is_compiled and 'backbone' in name):
            check_first_input(module, f'model.{name}', config)


def check_first_input(module: nn.Module, path: str, config: Config) -> None:
    """Check the first input of a linear layer, a convolution of a neck or head, or a batch norm, and no other."""

    def check(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        handle.remove()
        if isinstance(module, nn.Linear):
            check_width(module.in_features, inputs[0].shape[-1], path, config)
        elif isinstance(module, nn.Conv3d):
            check_width(module.in_channels, inputs[0].shape[1], path, config)
        elif module.training and inputs[0].numel() == inputs[0].shape[1]:
            raise ConfigError(
                'a batch norm has a single number to take the statistics of a channel from: more samples a batch '
                '(train_dataloader.batch_size), or larger clips'
            )

    handle = module.register_forward_pre_hook(check)


def check_width(taken: int, given: int, path: str, config: Config) -> None:
    """Refuse vectors of another length than a layer takes."""
    if given == taken:
        return
    part = path
    while '.' in part:
        settings = value_at(config, part)
        if isinstance(settings, dict) and 'in_channels' in settings:
            width = settings['in_channels']
            # A head that concatenates clips takes so many times its in_channels.
            clips = taken // width if taken % width == 0 and given % (taken // width) == 0 else 1
            raise ConfigError(f'{part}.in_channels is {width}, but {given // clips} numbers come in; set it to that')
        part = part.rpartition('.')[0]
    raise ConfigError(
        f'{path} takes {taken} numbers for each sample, but {given} come in; the widths of the parts do not fit'
    )


def value_at(config: Config, path: str) -> object:
    """The value at a path such as ``model.heads.speed``, or None."""
    place: object = config
    for key in path.split('.'):
        get: Callable | None = getattr(place, 'get', None)
        place = get(key) if get is not None else None
    return place
