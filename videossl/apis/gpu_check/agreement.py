"""Loss and gradients of every method in fp32: the GPU's against the CPU's."""

import copy

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from .ceilings import tf32
from .methods import Method, Place, Training

SAMPLES = 8
LOSS_LIMIT = 1e-4  # relative
# How much further than the CPU's fp32 the GPU's may be from fp64. TF32, were it on, is a hundred times as far.
TIMES_CPU, LEAST_ERROR = 10.0, 1e-4


def agreement(method: Method, place: Place) -> dict:
    """Compare one forward and backward pass on the same weights and clips.

    Batch norm over few clips makes gradients sensitive to rounding, so the CPU's own rounding is the measure: both devices'
    gradients are compared with those of a backbone in fp64.

    Returns:
        ``loss`` and ``other_loss`` (CPU), ``loss_error`` (relative; the worst of the named losses), ``gradient_error``
        (norm of the difference of all gradients to those in fp64, over their norm) and ``cpu_gradient_error``,
        ``worst_parameter`` and ``worst_error``, ``ok``.
    """
    training = Training(method, place, batch=min(SAMPLES, place.batch))
    batch = training.batches(1)[0]
    model = training.model
    for module in model.modules():
        if isinstance(module, nn.Dropout):  # the devices' generators draw differently
            module.p = 0.0
    other = copy.deepcopy(model).cpu()
    exact = with_exact_backbone(copy.deepcopy(other))
    with tf32(False):
        losses, gradients = loss_and_gradients(model, batch)
    other_losses, other_gradients = loss_and_gradients(other, batch)
    exact_gradients = loss_and_gradients(exact, batch)[1]
    missing = sorted(gradients.keys() ^ exact_gradients.keys())
    names = [name for name in exact_gradients if name in gradients]
    largest = max(float(value.norm()) for value in exact_gradients.values())
    # Of a gradient that is zero but for rounding, such as that of a bias before a batch norm, nothing can be said.
    errors = {
        name: relative(gradients[name], exact_gradients[name])
        for name in names
        if exact_gradients[name].norm() > 1e-4 * largest
    }
    worst = max(errors, key=errors.__getitem__)
    whole, cpu_whole = (
        relative(
            torch.cat([found[name].flatten() for name in names]),
            torch.cat([exact_gradients[name].flatten() for name in names]),
        )
        for found in (gradients, other_gradients)
    )
    loss_error = max(relative(losses[name], other_losses[name]) for name in losses)
    return dict(
        loss=float(losses['loss']),
        other_loss=float(other_losses['loss']),
        loss_error=loss_error,
        gradient_error=whole,
        cpu_gradient_error=cpu_whole,
        worst_parameter=worst,
        worst_error=errors[worst],
        parameters=len(names),
        ok=not missing and loss_error < LOSS_LIMIT and whole < TIMES_CPU * cpu_whole + LEAST_ERROR,
    )


def with_exact_backbone(model: BaseModel) -> BaseModel:
    """The model with its backbones in fp64; clips and maps are converted before and after them. Necks and heads stay in fp32."""
    backbones = [model.backbone, *([model.teacher['backbone']] if hasattr(model, 'teacher') else [])]
    for backbone in backbones:
        backbone.double()
        backbone.register_forward_pre_hook(lambda module, clips: (clips[0].double(),))
        backbone.register_forward_hook(lambda module, clips, maps: as_float(maps))
    return model


def as_float(maps: Tensor | dict[str, Tensor]) -> Tensor | dict[str, Tensor]:
    """A backbone's map, or its branches' maps, in fp32."""
    return {name: entry.float() for name, entry in maps.items()} if isinstance(maps, dict) else maps.float()


def loss_and_gradients(model: BaseModel, batch: dict) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """One pass of the model in train mode, without hooks: named losses and gradients, as fp64 on the CPU."""
    if hasattr(model, 'start_teacher'):
        model.start_teacher()
    model.train()
    data = model.data_preprocessor(copy.deepcopy(batch), True)
    loss, log = model.parse_losses(model(**data, mode='loss'))
    loss.backward()
    losses = {name: value.detach().double().cpu() for name, value in log.items() if 'loss' in name}
    gradients = {
        name: parameter.grad.double().cpu()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    return losses, gradients


def relative(value: Tensor, reference: Tensor) -> float:
    """Norm of the difference over the reference's norm; NaN and infinite where one of them is."""
    return float((value - reference).norm() / reference.norm().clamp(min=1e-12))
