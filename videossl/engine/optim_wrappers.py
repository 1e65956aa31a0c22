"""Which parameters the optimiser gets."""

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from videossl.errors import ConfigError
from videossl.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TrainableOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, for the parameters that require a gradient only.

    mmengine's constructor also gives frozen parameters (of an averaged or frozen teacher) to the optimiser, which visits
    them in every step and saves them in the checkpoint.

    When a run is resumed in another precision, the optimiser's state of a weight (momentum) gets the weight's memory layout:
    torch's ``fused=True`` pairs the elements of both by their position in memory, and on a CPU does not check the layout.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ConfigError(f'{type(model).__name__} has no trainable parameter: is everything frozen?')
        optim_wrapper = super().__call__(model)
        groups = optim_wrapper.optimizer.param_groups
        for group in groups:
            group['params'] = [parameter for parameter in group['params'] if parameter.requires_grad]
        groups[:] = [group for group in groups if group['params']]
        optim_wrapper.optimizer.register_load_state_dict_post_hook(follow_layouts)
        return optim_wrapper


@torch.no_grad()
def follow_layouts(optimizer: torch.optim.Optimizer) -> None:
    """Give the optimiser's state of each parameter that parameter's memory layout."""
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if (
                isinstance(value, torch.Tensor)
                and value.shape == parameter.shape
                and value.stride() != parameter.stride()
            ):
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
