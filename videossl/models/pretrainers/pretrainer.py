"""An encoder with pretext heads."""
from collections.abc import Sequence

from mmengine.model import BaseModel, ModuleDict
from torch import Tensor, nn

from videossl.registry import MODELS


def build(part: nn.Module | dict) -> nn.Module:
    """A part, built in videossl's scope where it is a dict.

    The scope matters when a config of another package names us: under mmaction2's default scope a bare
    ``type='C3D'`` inside our model would silently build mmaction2's C3D.
    """
    if not isinstance(part, dict):
        return part
    part = dict(part)
    part.setdefault('_scope_', 'videossl')
    return MODELS.build(part)


def build_all(parts: dict[str, nn.Module | dict] | None) -> ModuleDict:
    """Named parts, each built by :func:`build`. mmengine's container, unlike torch's, passes ``init_weights`` on."""
    return ModuleDict({name: build(part) for name, part in (parts or {}).items()})


@MODELS.register_module()
class Pretrainer(BaseModel):
    """Encoder (backbone and necks) and heads; each head turns an embedding into a loss.

    VSPP is this with a :class:`~videossl.models.SpeedHead` and a :class:`~videossl.models.SegmentHead`.

    Args:
        backbone: maps clips [N, 3, T, H, W] to a feature map [N, C, t, h, w].
        heads: named heads. Each has ``embedding``, the name of the embedding it reads, and
            ``loss(embedding [B, V, D], data_samples) -> dict``.
        necks: named necks, feature map to embedding [N, D]. ``'pooled'``, the average over time and space, is always
            there.
        data_preprocessor: default: :class:`~videossl.models.ClipDataPreprocessor`.
    """

    def __init__(self,
                 backbone: nn.Module | dict,
                 heads: dict[str, nn.Module | dict],
                 necks: dict[str, nn.Module | dict] | None = None,
                 data_preprocessor: nn.Module | dict | None = None,
                 init_cfg: dict | list | None = None) -> None:
        super().__init__(data_preprocessor=build(data_preprocessor or dict(type='ClipDataPreprocessor')),
                         init_cfg=init_cfg)
        self.backbone = build(backbone)
        self.necks = build_all({'pooled': dict(type='PoolNeck'), **(necks or {})})
        self.heads = build_all(heads)
        for name, head in self.heads.items():
            if head.embedding not in self.necks:
                raise ValueError(f'heads.{name} reads the embedding "{head.embedding}", but necks has only '
                                 f'{list(self.necks)}')

    @property
    def embeddings_in_use(self) -> list[str]:
        """Names of the embeddings that some head reads; the others are not computed."""
        used = {head.embedding for head in self.heads.values()}
        return [name for name in self.necks if name in used]

    def forward(self, inputs: Tensor, data_samples: Sequence | None = None, mode: str = 'tensor'):
        """One of three things, as in mmengine.

        Args:
            inputs: [B, V, 3, T, H, W], normalised.
            data_samples: B samples with the samplers' labels.
            mode: ``'loss'``: a dict of losses and accuracies. ``'tensor'``: the feature map [B * V, C, t, h, w].
                ``'predict'``: pooled features [B, V, C].
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'tensor':
            return self.backbone(inputs.flatten(0, 1))
        if mode == 'predict':
            return self.embed(inputs, ['pooled'])['pooled']
        raise ValueError(f'mode must be "loss", "tensor" or "predict", got "{mode}"')

    def embed(self, inputs: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Named embeddings, each [B, V, D], of clips [B, V, 3, T, H, W]."""
        feature_map = self.backbone(inputs.flatten(0, 1))
        return {name: self.necks[name](feature_map).unflatten(0, inputs.shape[:2]) for name in names}

    def loss(self, inputs: Tensor, data_samples: Sequence) -> dict[str, Tensor]:
        """All heads' losses and accuracies; two heads may not use one name."""
        embeddings = self.embed(inputs, self.embeddings_in_use)
        results: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            add_results(results, head.loss(embeddings[head.embedding], data_samples), name)
        return results


def add_results(results: dict[str, Tensor], new: dict[str, Tensor], head: str) -> None:
    """Add one head's losses and accuracies to those of the others."""
    double = results.keys() & new.keys()
    if double:
        raise ValueError(f'heads.{head} returns {sorted(double)}, which another head returned already')
    results.update(new)
