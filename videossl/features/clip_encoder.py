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

from videossl.checkpoints.load_model import check_registered
from videossl.engine.hooks.precision_hook import PRECISIONS, resolve_precision
from videossl.errors import ConfigError
from videossl.models.folding import folded
from videossl.models.pretrainers.pretrainer import build

from .clip_protocol import POOLINGS, ClipProtocol


class ClipEncoder:
    """From packed views of videos to pooled features.

    Args:
        model: with ``backbone`` and ``data_preprocessor``, or a bare backbone.
        protocol: what the views are, and the pooling.
        batch_size: views at once.
        precision: None: what the model's config says, else ``'auto'``.

    Attributes:
        precision: what it came to: ``'fp32'``, ``'bf16'`` or ``'fp16'``.
        pixels_assumed: whether nothing says which pixels the backbone was trained on.
    """

    def __init__(self, model: nn.Module, protocol: ClipProtocol, batch_size: int, precision: str | None = None) -> None:
        self.protocol, self.batch_size = protocol, batch_size
        is_whole = hasattr(model, 'backbone') and hasattr(model, 'data_preprocessor')
        self.backbone = model.backbone if is_whole else model
        parameter = next(self.backbone.parameters(), None)
        self.device = torch.device('cpu') if parameter is None else parameter.device
        self.pixels_assumed = not is_whole and not says_pixels(model)
        self.preprocessor = model.data_preprocessor if is_whole else build_preprocessor(model)
        self.preprocessor.to(self.device)
        config = getattr(model, 'cfg', None) or {}
        precision = precision or ((config.get('default_hooks') or {}).get('precision') or {}).get('precision', 'auto')
        if precision not in PRECISIONS:
            raise ConfigError(f'precision must be one of {PRECISIONS}, got {precision!r}')
        self.precision = resolve_precision(precision, self.device.type)
        if self.precision == 'fp16' and self.device.type == 'cpu':
            raise ConfigError('precision fp16 is for GPUs; on a CPU use bf16, fp32 or auto')
        # As PrecisionHook has it; but here the model, which is somebody else's, stays as it is.
        self.channels_last = self.device.type == 'cpu' or self.precision != 'fp32'
        self.net = folded(self.backbone)

    @torch.inference_mode()
    def __call__(self, videos: Sequence[Tensor]) -> np.ndarray:
        """float32 [B, K, D], clip after clip, of B uint8 tensors [K, 3, T, H, W], crop after crop."""
        clips, crops = self.protocol.clips, self.protocol.crops
        videos = [views.unflatten(0, (-1, clips)) for views in videos]
        if crops == 5:
            videos = [views[::2] for views in videos]
        videos = [views.transpose(0, 1).flatten(0, 1) for views in videos]
        # mmaction2's preprocessor asks for a sample for each video; nothing reads it.
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
    """One vector for each clip, fp32 [N, D].

    Args:
        feature_map: [N, C, t, h, w], or several such, in a dict or a sequence: each is pooled, and the results are
            joined. What is [N, C] already stays, but for ``'max_1x2x2'``.
        pooling: see :class:`~.clip_protocol.ClipProtocol`.

    Raises:
        ConfigError: a map is of another shape, or too small.
    """
    if pooling not in POOLINGS:
        raise ConfigError(f'pooling must be one of {POOLINGS}, got {pooling!r}')
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


def says_pixels(backbone: nn.Module) -> bool:
    """Whether a bare backbone's config says how its pixels are normalised. A pretrainer's does without a word, since the
    default is one of ours; what names a backbone alone, or a model of others, does not."""
    model = (getattr(backbone, 'cfg', None) or {}).get('model') or {}
    is_ours = str(model.get('type', '')).rpartition('.')[2] in ('Pretrainer', 'MomentumPretrainer')
    return model.get('data_preprocessor') is not None or is_ours


def build_preprocessor(backbone: nn.Module) -> nn.Module:
    """The data preprocessor that a bare backbone was trained with, as far as its config says."""
    preprocessor = ((getattr(backbone, 'cfg', None) or {}).get('model') or {}).get('data_preprocessor')
    if preprocessor is None:
        if not says_pixels(backbone):
            print_log(
                'nothing says which pixels the backbone expects: they are taken to be RGB, normalised with the mean '
                'and standard deviation of ImageNet; else load_backbone(..., data_preprocessor=dict(mean=..., '
                'std=..., to_bgr=...))',
                logger='current',
                level=logging.WARNING,
            )
        preprocessor = dict(type='ClipDataPreprocessor')
    check_registered(preprocessor, getattr(backbone, 'checkpoint', None) or 'the checkpoint')
    return build(preprocessor)


def describe_pixels(preprocessor: nn.Module) -> dict:
    """How pixels are normalised, in plain types."""
    described: dict[str, Any] = dict(type=type(preprocessor).__name__)
    for name in ('mean', 'std'):
        value = getattr(preprocessor, name, None)
        described[name] = [float(f'{number:.6g}') for number in value.flatten()] if isinstance(value, Tensor) else None
    for name in ('to_bgr', 'to_rgb'):
        if hasattr(preprocessor, name):
            described[name] = bool(getattr(preprocessor, name))
    return described


def digest_of(net: nn.Module) -> str:
    """Changes with a net's layers and with every weight."""
    digest = hashlib.sha256(repr(net).encode())
    for name, value in net.state_dict().items():
        if not name.endswith('num_batches_tracked'):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
