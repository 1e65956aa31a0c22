"""Class activation maps: where in a clip a layer is active, which positions raise the score of a class, and which are alike.

Grad-CAM is captum's, which takes any PyTorch network with maps over time and does not need torchvision. (``grad-cam``
imports torchvision; mmaction2's takes recognisers only and leaves its hooks in them.) captum is optional and imported when
it is used.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from videossl.checks import check_choice
from videossl.datasets import ClipSampler
from videossl.features.extraction import evaluating
from videossl.models.pretrainers.pretrainer import run_neck

METHODS = ('grad-cam', 'activation', 'pca')
TAILS = 0.02  # of the values of a principal component are cut off at either end, so that a few do not darken the others
MISSING_CAPTUM = (
    'Grad-CAM needs captum: pip install "captum>=0.9". Without it there is method="activation" '
    '(--method activation), which shows where a layer is active, whatever the class'
)


@dataclass
class CamResult:
    """Maps of some clips, and what they show.

    Args:
        maps: float32 [N, T, H, W], each clip's own from 0 to 1; 0 everywhere where a map is the same everywhere. Of ``'pca'``
            float32 [N, T, H, W, 3], colours from 0 to 1.
        shown: of each clip, in words: the method, the layer, and the class if there is one.
    """

    maps: np.ndarray
    shown: list[str]


def cam_maps(
    model: nn.Module,
    clips: Tensor,
    method: str = 'activation',
    layer: str | None = None,
    head: str | None = None,
    target: int | None = None,
    class_names: list[str] | None = None,
    sampler: ClipSampler | None = None,
) -> CamResult:
    """Maps of what a network sees in clips. The model is left as it was: modes, weights, gradients and hooks.

    ``'activation'`` asks for no class: the length of the layer's feature vector at each position (Euclidean norm over the
    channels), less its smallest value in the clip. ``'pca'`` shows the first three principal components of the layer's
    feature vectors, over all positions of all clips, as red, green and blue: what has one colour is alike to the network, also
    in other frames and clips. ``'grad-cam'`` is that of "Grad-CAM: Visual Explanations from Deep
    Networks via Gradient-based Localization" (Selvaraju, Cogswell, Das, Vedantam, Parikh, Batra, 2017): channels are
    weighted with the mean gradient of a class's score, added up, and cut off below 0. A map has the layer's resolution
    and is interpolated linearly in time and space (:func:`spread_out`), so a late layer gives a blurred one. Each is scaled
    to its own maximum: colours compare positions within one clip, not clips. (Those of ``'pca'`` compare clips, too.)

    Args:
        model: a pretrainer or one of mmaction2's recognisers.
        clips: uint8 RGB [N, 3, T, H, W]; the model's data preprocessor normalises them.
        method: see above.
        layer: a stage of the backbone (``'stage3'``) or any module by its dotted name (``'backbone.stage3'``). None: the
            backbone's last map.
        head: for Grad-CAM: which classifier of a pretrainer, by its name in ``heads``; None: the only one.
        target: for Grad-CAM: the class, from 0. None: the class that the network predicts for each clip.
        class_names: words for the classes.
        sampler: the one that a pretext head was trained with, which has words for its label.

    Raises:
        ValueError: no such layer, head, class or method; or the layer gives no map over time and space.
        ImportError: Grad-CAM without captum.
    """
    check_choice('method', method, METHODS)
    if clips.ndim != 5 or clips.shape[1] != 3:
        raise ValueError(f'clips must be [N, 3, T, H, W], got {tuple(clips.shape)}')
    if method != 'grad-cam' and (head is not None or target is not None):
        raise ValueError(f'head and target choose a class, and method="{method}" asks for none; use method="grad-cam"')
    layer_name, module = find_layer(model, layer)
    with evaluating(model):
        inputs = preprocessed(model, clips)
        output, grid = layer_output(model, module, layer_name, inputs)
        if method == 'pca':
            colours = spread_out(component_colours(output.float()).flatten(0, 1), clips.shape[2:], grid)
            colours = colours.unflatten(0, (len(clips), 3)).movedim(1, -1)
            return CamResult(colours.cpu().numpy(), [f'principal components of {layer_name}, no class'] * len(clips))
        if method == 'activation':
            raw = output.norm(dim=1)
            raw = raw - raw.amin(dim=(1, 2, 3), keepdim=True)
            shown = [f'activation of {layer_name}, no class'] * len(clips)
        else:
            scores = ClassScores(model, head)
            raw, classes, is_own = grad_cam(scores, module, inputs, target)
            shown = [
                f'Grad-CAM of {layer_name} for {scores.name_of(number, class_names, sampler)}'
                + (', as the network takes it' if is_own else '')
                for number in classes
            ]
    maps = spread_out(raw.float(), clips.shape[2:], grid)
    highest = maps.amax(dim=(1, 2, 3), keepdim=True)
    maps = torch.where(highest > 0, maps / highest.clamp(min=torch.finfo(torch.float32).tiny), torch.zeros_like(maps))
    return CamResult(maps.clamp(0, 1).cpu().numpy(), shown)


def component_colours(features: Tensor) -> Tensor:
    """The first three principal components of a map [N, C, t, h, w] as colours [N, 3, t, h, w], from 0 to 1.

    Each component is scaled from its 2nd to its 98th percentile over all clips, whatever its variance. Its sign, which is
    arbitrary, is that with which its largest loading is positive. A component that the map does not have is 0.
    """
    vectors = features.movedim(1, -1).flatten(0, -2).double()
    vectors = vectors - vectors.mean(0)
    _, _, directions = torch.linalg.svd(vectors.T @ vectors / len(vectors))
    directions = directions[:3]
    largest = directions.gather(1, directions.abs().argmax(1, keepdim=True))
    values = vectors @ (directions * largest.sign()).T
    ends = torch.quantile(values, torch.tensor([TAILS, 1 - TAILS], dtype=values.dtype, device=values.device), dim=0)
    width = ends[1] - ends[0]
    values = torch.where(width > 1e-9 * vectors.norm(dim=1).max(), (values - ends[0]) / width, torch.zeros_like(values))
    values = nn.functional.pad(values.clamp(0, 1), (0, 3 - values.shape[1]))
    return values.unflatten(0, (len(features), *features.shape[2:])).movedim(-1, 1).float()


def find_layer(model: nn.Module, layer: str | None = None) -> tuple[str, nn.Module]:
    """A module and its full name; see :func:`cam_maps`.

    Raises:
        ValueError: there is no such module; says which there are.
    """
    modules = dict(model.named_modules())
    for name in ('backbone',) if layer is None else (f'backbone.{layer}', layer):
        if name in modules:
            return name, modules[name]
    stages = [name for name, _ in modules['backbone'].named_children()] if 'backbone' in modules else []
    raise ValueError(
        f'the model has no layer "{layer or "backbone"}"; the stages of its backbone are {stages}, and any '
        'module can be given by its dotted name'
    )


def preprocessed(model: nn.Module, clips: Tensor) -> Tensor:
    """Clips [N, 3, T, H, W] as the model's backbone takes them, on its device."""
    preprocessor = getattr(model, 'data_preprocessor', None)
    if preprocessor is None:
        return clips.float()
    inputs = preprocessor(dict(inputs=[clip[None] for clip in clips], data_samples=None))['inputs']
    return inputs.flatten(0, 1) if inputs.ndim == 6 else inputs


def layer_output(
    model: nn.Module, module: nn.Module, name: str, inputs: Tensor
) -> tuple[Tensor, list[tuple[float, float]]]:
    """A layer's map [N, C, t, h, w] for normalised clips, and per axis the position of its first unit and their distance.

    Raises:
        ValueError: the layer gives no map.
    """
    outputs: list = []
    # The modules that the clips passed, and the clips' sizes before each.
    passed: list[tuple[nn.Module, tuple[int, ...]]] = []
    backbone = model.get_submodule('backbone')

    def record(part: nn.Module, part_inputs: tuple, _output) -> None:
        if not outputs and hasattr(part, 'stride') and part_inputs and getattr(part_inputs[0], 'ndim', 0) == 5:
            passed.append((part, tuple(part_inputs[0].shape[2:])))

    handles = [part.register_forward_hook(record) for part in backbone.modules()]
    handles.append(module.register_forward_hook(lambda _module, _inputs, output: outputs.append(output)))
    try:
        with torch.no_grad():
            backbone(inputs)
    finally:
        for handle in handles:
            handle.remove()
    check_map(outputs[0] if outputs else None, name)
    return outputs[0], unit_positions(passed, tuple(inputs.shape[2:]), tuple(outputs[0].shape[2:]))


def unit_positions(
    passed: list[tuple[nn.Module, tuple[int, ...]]], size: tuple[int, ...], map_size: tuple[int, ...]
) -> list[tuple[float, float]]:
    """The centers of the receptive fields of a map's units: per axis the first one and the distance to the next, in pixels
    (frames) of the clip, counted from the middle of the first pixel.

    The fields of a convolution of stride 2 padded by half its kernel are centered at pixels 0, 2, 4, ...; those of pooling of
    pairs between them, at 0.5, 2.5, ... Confusing the two would move a map by half a step in every stage: at stride 8 by 3.5
    pixels. Strides of parallel paths (a shortcut) start at the same size and count once. Where the recorded strides do not
    explain the map's size, the units are spread evenly.
    """
    positions = []
    for axis, (length, map_length) in enumerate(zip(size, map_size)):
        first, step, done = 0.0, 1.0, set()
        for part, before in passed:
            kernel, stride, padding = (
                setting_of_axis(getattr(part, key, 0), axis) for key in ('kernel_size', 'stride', 'padding')
            )
            if stride > 1 and before[axis] not in done:
                done.add(before[axis])
                first += step * ((kernel - 1) / 2 - padding)
                step *= stride
        if abs(length / step - map_length) >= 1:
            step = length / map_length
            first = (step - 1) / 2
        positions.append((first, step))
    return positions


def setting_of_axis(value: Any, axis: int) -> int:
    """A layer's setting along time (0), height (1) or width (2)."""
    if isinstance(value, (tuple, list)):
        return int(value[axis])
    return int(value) if isinstance(value, int) else 0


def spread_out(maps: Tensor, size: tuple[int, ...], positions: list[tuple[float, float]]) -> Tensor:
    """Interpolate maps [N, t, h, w] linearly between the positions of their units, to [N, T, H, W]; constant beyond them."""
    for axis, (length, (first, step)) in enumerate(zip(size, positions), 1):
        number = maps.shape[axis]
        where = ((torch.arange(length, device=maps.device) - first) / step).clamp(0, number - 1)
        before = where.floor().long()
        share = (where - before).view([-1 if other == axis else 1 for other in range(4)])
        maps = (
            maps.index_select(axis, before) * (1 - share)
            + maps.index_select(axis, (before + 1).clamp(max=number - 1)) * share
        )
    return maps


def check_map(output, name: str) -> None:
    """Raise a ValueError unless a layer's output is a map over time and space."""
    if not isinstance(output, Tensor) or output.ndim != 5:
        found = (
            'nothing'
            if output is None
            else tuple(output.shape)
            if isinstance(output, Tensor)
            else type(output).__name__
        )
        raise ValueError(
            f'layer "{name}" gives no map [N, C, t, h, w] when the backbone runs, but {found}; name another, '
            'such as a stage of the backbone or, where it has branches, of one of these ("shared.stage2")'
        )


class ClassScores(nn.Module):
    """A model's class scores [N, C], before the softmax, of normalised clips [N, 3, T, H, W].

    Args:
        model: a pretrainer with classifiers among its heads, or a recogniser.
        head: see :func:`cam_maps`.

    Raises:
        ValueError: the model has no such classifier.
    """

    def __init__(self, model: nn.Module, head: str | None = None) -> None:
        super().__init__()
        self.model = model
        self.head_name = head
        if getattr(model, 'cls_head', None) is not None:
            if head is not None and head != 'cls_head':
                raise ValueError(f'head="{head}": the model is a recogniser, with no head but cls_head; leave it out')
            return
        heads = getattr(model, 'heads', {})
        classifiers = [name for name, child in heads.items() if getattr(child, 'classifies_clips', False)]
        if head is None and len(classifiers) == 1:
            self.head_name = classifiers[0]
        elif head not in classifiers:
            hint = (
                f'name one of its classifiers, {classifiers}'
                if classifiers
                else ('none of its heads gives a clip a class, so use method="activation"')
            )
            raise ValueError(f'head={head!r} of {type(model).__name__}: {hint}')

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores of clips."""
        features = self.model.get_submodule('backbone')(inputs)
        if self.head_name is None or getattr(self.model, 'cls_head', None) is not None:
            return self.model.get_submodule('cls_head')(features)
        head: Any = self.model.get_submodule(f'heads.{self.head_name}')
        return head(run_neck(self.model.get_submodule(f'necks.{head.embedding_name}'), features))

    def name_of(self, number: int, class_names: list[str] | None = None, sampler: ClipSampler | None = None) -> str:
        """A class in words: those given, or those that the sampler has for the label that the head predicts."""
        if class_names is not None:
            if not number < len(class_names):
                raise ValueError(f'{len(class_names)} class names, but the network gives class {number}')
            return f'"{class_names[number]}"'
        heads = getattr(self.model, 'heads', {})
        label = getattr(heads[self.head_name], 'label', None) if self.head_name in heads else None
        if sampler is not None and label is not None and label in sampler.labels:
            return sampler.describe_label(label, number)
        return f'class {number}' if label is None else f'{label.removeprefix("gt_")} {number}'


def grad_cam(
    scores: ClassScores, module: nn.Module, inputs: Tensor, target: int | None
) -> tuple[Tensor, list[int], bool]:
    """captum's Grad-CAM: maps [N, t, h, w], the class of each, and whether it is the network's own choice."""
    try:
        from captum.attr import LayerGradCam
    except ImportError as error:
        raise ImportError(MISSING_CAPTUM) from error
    # Without a gradient of the input there is no graph where all parameters before the layer are frozen.
    inputs = inputs.detach().requires_grad_(True)
    with torch.no_grad():
        predictions = scores(inputs)
    if target is not None and not 0 <= target < predictions.shape[1]:
        raise ValueError(f'target={target} is no class from 0 to {predictions.shape[1] - 1}')
    classes = predictions.argmax(1).tolist() if target is None else [target] * len(inputs)
    with torch.enable_grad():
        maps = LayerGradCam(scores, module).attribute(inputs, target=classes, relu_attributions=True)
    return maps.detach()[:, 0], classes, target is None


def means_on_masks(maps: np.ndarray, masks: np.ndarray) -> tuple[float, float]:
    """Mean value of maps on the pixels of masks, and on all others.

    Args:
        maps: [..., H, W].
        masks: bool, of the same shape.

    Raises:
        ValueError: another shape, or masks that cover nothing or everything.
    """
    masks = np.asarray(masks, dtype=bool)
    if maps.shape != masks.shape:
        raise ValueError(f'maps {maps.shape} and masks {masks.shape} must have the same shape')
    if masks.all() or not masks.any():
        raise ValueError('the masks cover every pixel or none, so there are no two sides to compare')
    return float(maps[masks].mean()), float(maps[~masks].mean())
