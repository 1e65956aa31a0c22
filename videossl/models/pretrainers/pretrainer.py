"""An encoder with pretext heads."""

from collections.abc import Sequence

import torch
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
            there. Where the backbone has branches (``BranchedBackbone(output='branches')``), a neck reads the one that
            its ``branch`` names; without a name it reads all, their channels one behind the other.
        data_preprocessor: default: :class:`~videossl.models.ClipDataPreprocessor`.
    """

    def __init__(
        self,
        backbone: nn.Module | dict,
        heads: dict[str, nn.Module | dict],
        necks: dict[str, nn.Module | dict] | None = None,
        data_preprocessor: nn.Module | dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(
            data_preprocessor=build(data_preprocessor or dict(type='ClipDataPreprocessor')), init_cfg=init_cfg
        )
        self.backbone = build(backbone)
        self.necks = build_all({'pooled': dict(type='PoolNeck'), **(necks or {})})
        self.heads = build_all(heads)
        for name, neck in self.necks.items():
            check_branch(name, neck, self.backbone)
        for name, head in self.heads.items():
            if head.embedding not in self.necks:
                raise ValueError(
                    f'heads.{name} reads the embedding "{head.embedding}", but necks has only {list(self.necks)}'
                )

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
            mode: ``'loss'``: a dict of losses and accuracies. ``'tensor'``: the feature map [B * V, C, t, h, w], or
                what else the backbone returns.
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
        """Named embeddings, each [B, V, D] (a map's [B, V, C, t, h, w]), of clips [B, V, 3, T, H, W]."""
        feature_map = self.backbone(inputs.flatten(0, 1))
        return {name: run_neck(self.necks[name], feature_map).unflatten(0, inputs.shape[:2]) for name in names}

    def loss(self, inputs: Tensor, data_samples: Sequence) -> dict[str, Tensor]:
        """All heads' losses and accuracies; two heads may not use one name."""
        embeddings = self.embed(inputs, self.embeddings_in_use)
        results: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            add_results(results, head.loss(embeddings[head.embedding], data_samples=data_samples), name)
        return results


def run_neck(neck: nn.Module, feature_map: Tensor | dict[str, Tensor]) -> Tensor:
    """What a neck makes of a backbone's map, or of the branches that it reads."""
    if not isinstance(feature_map, dict):
        return neck(feature_map)
    branch = branch_of(neck)
    return neck(torch.cat(list(feature_map.values()), dim=1) if branch is None else feature_map[branch])


def branch_of(neck: nn.Module) -> str | None:
    """The branch that a neck reads; None: all there are."""
    return getattr(neck, 'branch', None)


def check_branch(name: str, neck: nn.Module, backbone: nn.Module) -> None:
    """Refuse a neck that reads a branch which the backbone does not give."""
    branch = branch_of(neck)
    if branch is not None and branch not in getattr(backbone, 'branch_names', ()):
        raise ValueError(
            f'necks.{name} reads the branch "{branch}", but {type(backbone).__name__} has '
            f'{list(getattr(backbone, "branch_names", ())) or "none"}; see BranchedBackbone'
        )
    if branch is not None and backbone.output != 'branches':
        raise ValueError(
            f'necks.{name} reads the branch "{branch}", but the branches come joined; set backbone.output="branches"'
        )


def add_results(results: dict[str, Tensor], new: dict[str, Tensor], head: str) -> None:
    """Add one head's losses and accuracies to those of the others."""
    double = results.keys() & new.keys()
    if double:
        raise ValueError(f'heads.{head} returns {sorted(double)}, which another head returned already')
    results.update(new)
