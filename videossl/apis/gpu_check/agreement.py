"""Loss and gradients of every method in fp32: the GPU's against the CPU's."""

import copy

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn

from .ceilings import tf32
from .methods import Method, Place, Training

SAMPLES = 8
# Relative errors. Batch norm over few clips makes the gradients sensitive: the order of summation alone changes them by
# some 1e-5, TF32 would by 1e-2.
LOSS_LIMIT, GRADIENT_LIMIT = 1e-4, 2e-3


def agreement(method: Method, place: Place) -> dict:
    """Compare one forward and backward pass on the same weights and clips.

    Returns:
        ``loss`` and ``other_loss`` (CPU), ``loss_error`` (relative; the worst of the named losses), ``gradient_error``
        (norm of the difference of all gradients, over their norm), ``worst_parameter`` and ``worst_error``, ``ok``.
    """
    training = Training(method, place, batch=min(SAMPLES, place.batch))
    batch = training.batches(1)[0]
    model = training.model
    for module in model.modules():
        if isinstance(module, nn.Dropout):  # the devices' generators draw differently
            module.p = 0.0
    other = copy.deepcopy(model).cpu()
    with tf32(False):
        losses, gradients = loss_and_gradients(model, batch)
        other_losses, other_gradients = loss_and_gradients(other, batch)
    missing = sorted(gradients.keys() ^ other_gradients.keys())
    errors = {
        name: relative(gradient, other_gradients[name])
        for name, gradient in gradients.items()
        if name in other_gradients
    }
    largest = max(float(value.norm()) for value in other_gradients.values())
    # Of a gradient that is zero but for rounding, such as that of a weight before a batch norm, nothing can be said.
    telling = {name: error for name, error in errors.items() if other_gradients[name].norm() > 1e-4 * largest}
    worst = max(telling, key=telling.get)
    whole = relative(
        torch.cat([gradients[name].flatten() for name in errors]),
        torch.cat([other_gradients[name].flatten() for name in errors]),
    )
    loss_error = max(relative(losses[name], other_losses[name]) for name in losses)
    return dict(
        loss=float(losses['loss']),
        other_loss=float(other_losses['loss']),
        loss_error=loss_error,
        gradient_error=whole,
        worst_parameter=worst,
        worst_error=telling[worst],
        parameters=len(errors),
        ok=not missing and loss_error < LOSS_LIMIT and whole < GRADIENT_LIMIT,
    )


def loss_and_gradients(model: BaseModel, batch: dict) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """One pass in train mode, with nothing but the model: named losses and gradients, fp64 on the CPU."""
    if hasattr(model, 'attached_hooks'):  # whose places this function takes
        model.attached_hooks.update(model.required_hooks)
        model.copy_student_to_teacher()
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
