"""Which parameters the optimiser gets."""

import torch
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from torch import nn

from videossl.checks import check_positive
from videossl.errors import ConfigError
from videossl.models.backbones import VideoBackbone
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


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class LayerDecayOptimWrapperConstructor(TrainableOptimWrapperConstructor):
    """Learning rates that fall from the head to the stem: each layer has ``layer_decay`` times that of the layer after it.

    ``paramwise_cfg=dict(layer_decay=0.7)``, beside mmengine's settings. The layers are the backbone's stem and the parts of
    its later stages, such as the blocks of :class:`~videossl.models.ViT`; a part without a matrix, such as the last norm,
    counts to what follows, and so does all that is behind the backbone. As in VideoMAE, the last block has ``layer_decay``
    times the head's rate. (mmaction2's constructor knows the layers of its own nets by name.)

    Raises:
        ConfigError: there is no ``layer_decay`` above 0, or no backbone in stages.
    """

    def add_params(
        self, params: list[dict], module: nn.Module, prefix: str = '', is_dcn_module: int | float | None = None
    ) -> None:
        """Add the parameters of a module; of the whole model, then scale their rates."""
        super().add_params(params, module, prefix, is_dcn_module)
        if prefix:
            return
        decay = self.paramwise_cfg.get('layer_decay')
        check_positive('optim_wrapper.paramwise_cfg.layer_decay', decay)
        layers = layers_of(module)
        numbers = {id(parameter): number for number, layer in enumerate(layers) for parameter in layer.parameters()}
        for group in params:
            (parameter,) = group['params']
            above = len(layers) - numbers.get(id(parameter), len(layers))
            group['lr'] = group.get('lr', self.base_lr) * decay**above


def layers_of(model: nn.Module) -> list[nn.Module]:
    """The stem of a model's backbone and the parts of its later stages that have a matrix or a kernel, in running order."""
    backbone = getattr(model, 'backbone', None)
    if not isinstance(backbone, VideoBackbone):
        raise ConfigError(
            'optim_wrapper.paramwise_cfg.layer_decay is for models whose backbone is one of videossl, and '
            f'{type(model).__name__} has {type(backbone).__name__}'
        )
    (_, stem), *stages = backbone.stages()
    parts = [part for _, stage in stages for part in stage.children()]
    return [stem, *(part for part in parts if any(parameter.ndim > 1 for parameter in part.parameters()))]


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
