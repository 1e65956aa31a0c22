"""From clips to pooled features."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from mmengine.structures import BaseDataElement
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checkpoints.embedded_config import PRETRAINERS, build_part
from videossl.checkpoints.writing import weights_sha256
from videossl.checks import check_choice
from videossl.errors import CheckpointError, ConfigError
from videossl.models.folding import folded
from videossl.precision import PRECISIONS, resolve_precision

from .protocols import POOLINGS, Protocol


class ClipEncoder:
    """From packed views of videos to pooled features.

    Args:
        model: with ``backbone`` and ``data_preprocessor``, or a bare backbone.
        protocol: the views, and the pooling.
        batch_size: views per forward pass.
        precision: None: that of the model's config, else ``'auto'``.

    Attributes:
        backbone: the network that is run.
        precision: the resolved one: ``'fp32'``, ``'bf16'`` or ``'fp16'``.
        pixels_assumed: whether neither model nor config says how the backbone's pixels were normalised.

    Raises:
        ConfigError: the precision is unknown, or the device does not have it.
    """

    def __init__(self, model: nn.Module, protocol: Protocol, batch_size: int, precision: str | None = None) -> None:
        self.protocol, self.batch_size = protocol, batch_size
        self.backbone = backbone_of(model)
        parameter = next(self.backbone.parameters(), None)
        self.device = torch.device('cpu') if parameter is None else parameter.device
        is_bare = self.backbone is model
        self.pixels_assumed = is_bare and not says_pixels(model)
        self.preprocessor: nn.Module = (
            build_preprocessor(model) if is_bare else model.get_submodule('data_preprocessor')
        )
        self.preprocessor.to(self.device)
        config = getattr(model, 'cfg', None) or {}
        precision = precision or ((config.get('default_hooks') or {}).get('precision') or {}).get('precision', 'auto')
        check_choice('precision', precision, PRECISIONS)
        self.precision = resolve_precision(precision, self.device.type)
        if self.precision == 'fp16' and self.device.type == 'cpu':
            raise ConfigError('precision fp16 is for GPUs; on a CPU use bf16, fp32 or auto')
        # As PrecisionHook does, but the layout of the caller's weights stays.
        self.channels_last = self.device.type == 'cpu' or self.precision != 'fp32'
        self.net = folded(self.backbone)

    @torch.inference_mode()
    def __call__(self, videos: Sequence[Tensor]) -> np.ndarray:
        """Features float32 [B, K, D], clip after clip, of B uint8 tensors [K, 3, T, H, W], crop after crop."""
        clips, crops = self.protocol.num_clips, self.protocol.crops
        videos = [views.unflatten(0, (-1, clips)) for views in videos]
        if crops == 5:
            videos = [views[::2] for views in videos]
        videos = [views.transpose(0, 1).flatten(0, 1) for views in videos]
        # mmaction2's preprocessor needs a data sample for each video; nothing reads it.
        batch = dict(inputs=videos, data_samples=[BaseDataElement() for _ in videos])
        inputs = self.preprocessor(batch)['inputs'].flatten(0, 1)
        pooled = [self._encode(views) for views in inputs.split(self.batch_size)]
        return torch.cat(pooled).unflatten(0, (len(videos), clips * crops)).numpy()

    def _encode(self, views: Tensor) -> Tensor:
        if self.channels_last and views.ndim == 5:
            views = views.to(memory_format=torch.channels_last_3d)
        dtype = torch.float16 if self.precision == 'fp16' else torch.bfloat16
        with torch.autocast(self.device.type, dtype=dtype, enabled=self.precision != 'fp32'):
            feature_map = self.net(views)
        return pool(feature_map, self.protocol.pooling).cpu()


def pool(feature_map: Tensor | dict[str, Tensor] | Sequence[Tensor], pooling: str) -> Tensor:
    """Pool each clip's map to one vector, fp32 [N, D].

    Args:
        feature_map: [N, C, t, h, w], or a dict or sequence of such maps: each is pooled, and the results are
            concatenated. A map [N, C] is returned as it is, except with ``'max_1x2x2'``.
        pooling: see :class:`~.protocols.Protocol`.

    Raises:
        ConfigError: a map has another shape, or is too small.
    """
    check_choice('pooling', pooling, POOLINGS)
    if isinstance(feature_map, dict):
        feature_map = list(feature_map.values())
    if not isinstance(feature_map, Tensor):
        return torch.cat([pool(part, pooling) for part in feature_map], dim=1)
    feature_map = feature_map.float()
    if feature_map.ndim == 2 and pooling != 'max_1x2x2':
        return feature_map
    if feature_map.ndim != 5 or (pooling == 'max_1x2x2' and min(feature_map.shape[-2:]) < 2):
        least = ' of 2x2 pixels and more' if pooling == 'max_1x2x2' else ''
        raise ConfigError(
            f'pooling {pooling} cannot be done on what the backbone gives, shape '
            f'{tuple(feature_map.shape)}; it is for maps [N, C, t, h, w]{least}'
        )
    if pooling == 'avg':
        return feature_map.mean(dim=(2, 3, 4))
    if pooling == 'max':
        return feature_map.amax(dim=(2, 3, 4))
    return F.max_pool3d(feature_map, (1, 2, 2)).flatten(1)


def backbone_of(model: nn.Module) -> nn.Module:
    """The backbone of a model that has ``backbone`` and ``data_preprocessor``. Any other model is the backbone itself."""
    is_whole = hasattr(model, 'backbone') and hasattr(model, 'data_preprocessor')
    return model.get_submodule('backbone') if is_whole else model


def pixels_in(config: dict | None) -> dict | None:
    """The data preprocessor that a config has for its model; None where it does not say. Pretrainers use
    ClipDataPreprocessor by default, so the config of a pretrainer says it without naming a preprocessor."""
    model = (config or {}).get('model') or {}
    is_ours = str(model.get('type', '')).rpartition('.')[2] in PRETRAINERS
    return model.get('data_preprocessor') or (dict(type='ClipDataPreprocessor') if is_ours else None)


def says_pixels(backbone: nn.Module) -> bool:
    """Whether a bare backbone's config says how its pixels are normalised."""
    return pixels_in(getattr(backbone, 'cfg', None)) is not None


def build_preprocessor(backbone: nn.Module) -> nn.Module:
    """The data preprocessor of a bare backbone's config. Without one, ClipDataPreprocessor; a warning says so."""
    preprocessor = pixels_in(getattr(backbone, 'cfg', None))
    if preprocessor is None:
        print_log(
            'nothing says which pixels the backbone expects: they are taken to be RGB, normalised with the mean '
            'and standard deviation of ImageNet; else load_backbone(..., data_preprocessor=dict(mean=..., '
            'std=..., to_bgr=...))',
            logger='current',
            level=logging.WARNING,
        )
        preprocessor = dict(type='ClipDataPreprocessor')
    return build_part(preprocessor, f'the config in {getattr(backbone, "checkpoint", None) or "the checkpoint"}')


def note_on_pixels(preprocessor: nn.Module, config: dict | None) -> str | None:
    """What to say where a model gives a backbone other pixels than those that it was trained on; None where they are the
    same, or nobody knows.

    Args:
        preprocessor: the model's.
        config: that of the backbone's checkpoint.
    """
    trained = pixels_in(config)
    if trained is None:
        return None
    try:
        built = build_part(trained, 'the config in the checkpoint')
    except CheckpointError:  # of another project
        return None
    then, now = (_pixels_in_words(part) for part in (built, preprocessor))
    if then == now:
        return None
    options = {name: value for name, value in trained.items() if name in ('mean', 'std', 'to_bgr', 'motion')}
    return (
        f'the backbone was trained on pixels {then}, and this model gives it pixels {now}; '
        f'model.data_preprocessor=dict(type={type(built).__name__!r}, '
        f'{", ".join(f"{name}={value!r}" for name, value in options.items())}) gives it the former'
    )


def _pixels_in_words(preprocessor: nn.Module) -> str:
    pixels = describe_pixels(preprocessor)
    order = 'BGR' if pixels.get('to_bgr') else 'RGB'
    normalised = f'{order}, mean {pixels["mean"] or [0.0] * 3}, std {pixels["std"] or [1.0] * 3}'
    return normalised + (f', motion {pixels["motion"]}' if pixels.get('motion') else '')


def describe_pixels(preprocessor: nn.Module) -> dict:
    """How a preprocessor normalises pixels, in plain types."""
    pixels: dict[str, Any] = dict(type=type(preprocessor).__name__)
    for name in ('mean', 'std'):
        value = getattr(preprocessor, name, None)
        pixels[name] = [float(f'{number:.6g}') for number in value.flatten()] if isinstance(value, Tensor) else None
    for name in ('to_bgr', 'to_rgb'):
        if hasattr(preprocessor, name):
            pixels[name] = bool(getattr(preprocessor, name))
    if getattr(preprocessor, 'motion', None) is not None:
        pixels['motion'] = preprocessor.motion
    return pixels


def digest_of(net: nn.Module) -> str:
    """SHA-256 over a net's layers and weights."""
    weights = {name: value for name, value in net.state_dict().items() if not name.endswith('num_batches_tracked')}
    return hashlib.sha256(f'{net!r} {weights_sha256(weights)}'.encode()).hexdigest()
