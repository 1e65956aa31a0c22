"""Reading SCHP's released checkpoints into a network of ordinary batch norms."""

import re

import torch
from torch import Tensor, nn

from videossl.checkpoints.reading import read_weights
from videossl.checkpoints.report import KeyReport
from videossl.errors import CheckpointError

NESTED_NORM = re.compile(r'^((?:context_encoding|edge|decoder|fushion)\..+)\.bn\.(\w+)$')
COUNTER = 'num_batches_tracked'
CLASS_LAYER = 'fushion.3.weight'


def load_schp(network: nn.Module, path: str) -> None:
    """Fill a :class:`~videossl.models.teachers.AugmentedCE2P` from a checkpoint, every tensor of it.

    Three kinds of file are told apart:

    - The files that SCHP's README links to today. Their norms are in-place activated batch norms, which scale by
      ``|weight| + 1e-5`` and not by weight; every norm's weight is replaced by that.
    - The files of September 2019, in which the norms behind the ResNet are nested one level deeper (``...2.bn.weight``).
      They were trained with ordinary batch norms: weights are taken as they are.
    - Files saved from this network, recognised by the counters of their batch norms: likewise.

    Args:
        network: the network to fill, in place.
        path: path of the checkpoint. Nothing but plain tensors is read from it.

    Raises:
        CheckpointError: the file cannot be read as plain tensors, or a tensor is missing, unexpected or of
            another shape. The network is then unchanged.
    """
    weights, ordinary = _with_flat_names(read_weights(path), path)
    target = {name: value for name, value in network.state_dict().items() if not name.endswith(COUNTER)}
    _check(weights, target, path)
    if not ordinary:
        weights = as_ordinary_batch_norm(weights)
    with torch.no_grad():
        for name, value in target.items():
            value.copy_(weights[name])


def as_ordinary_batch_norm(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Replace the weight of each in-place activated batch norm by ``|weight| + 1e-5``, which is what it scales by."""
    norms = {name.removesuffix('running_var') + 'weight' for name in weights if name.endswith('.running_var')}
    return {name: value.abs() + 1e-5 if name in norms else value for name, value in weights.items()}


def _with_flat_names(weights: dict[str, Tensor], path: str) -> tuple[dict[str, Tensor], bool]:
    """The weights under today's names, without counters, and whether their norms are ordinary batch norms."""
    flat = {NESTED_NORM.sub(r'\1.\2', name): value for name, value in weights.items()}
    nested = {name for name in weights if NESTED_NORM.match(name) and name.endswith('.running_var')}
    head_norms = {name for name in flat if name.endswith('.running_var') and not name.startswith(('bn', 'layer'))}
    if nested and len(nested) != len(head_norms):
        raise CheckpointError(
            f'{path} mixes the names of two generations of SCHP checkpoints: {len(nested)} of '
            f'{len(head_norms)} norms behind the ResNet are nested (such as {min(nested)}). Take the file '
            'as it was released'
        )
    ordinary = bool(nested) or any(name.endswith(COUNTER) for name in weights)
    return {name: value for name, value in flat.items() if not name.endswith(COUNTER)}, ordinary


def _check(weights: dict[str, Tensor], target: dict[str, Tensor], path: str) -> None:
    faults = []
    if CLASS_LAYER in weights and weights[CLASS_LAYER].shape[0] != target[CLASS_LAYER].shape[0]:
        faults.append(
            f'this checkpoint has {weights[CLASS_LAYER].shape[0]} classes, '
            f'num_classes={target[CLASS_LAYER].shape[0]}: is it of another data set (LIP 20, ATR 18, '
            'Pascal-Person-Part 7)?'
        )
    faults += KeyReport.compare(weights, target).faults()
    if faults:
        raise CheckpointError(f'{path} is not a checkpoint of this SCHP network; ' + '; '.join(faults))
