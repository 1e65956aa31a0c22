"""Which parameters the optimiser gets."""
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from videossl.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class TrainableOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """mmengine's constructor, for the parameters that require a gradient only.

    mmengine's own hands frozen ones (an averaged or frozen teacher's) to the optimiser too, where they are walked over
    in every step and enter the checkpoint.
    """

    def __call__(self, model: nn.Module) -> OptimWrapper:
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ValueError(f'{type(model).__name__} has no trainable parameter: is everything frozen?')
        optim_wrapper = super().__call__(model)
        groups = optim_wrapper.optimizer.param_groups
        for group in groups:
            group['params'] = [parameter for parameter in group['params'] if parameter.requires_grad]
        groups[:] = [group for group in groups if group['params']]
        return optim_wrapper
