"""An encoder with pretext heads."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel, ModuleDict
from torch import Tensor, nn

from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..building import build
from ..embeddings import Embeddings


def build_all(parts: dict[str, nn.Module | dict] | None) -> ModuleDict:
    """Named parts, each built by :func:`build`. mmengine's container, unlike torch's, passes ``init_weights`` on."""
    return ModuleDict({name: build(part) for name, part in (parts or {}).items()})


@MODELS.register_module()
class Pretrainer(BaseModel):
    """Encoder (backbone and necks) and heads; each head turns an embedding into a loss.

    VSPP is this with a :class:`~videossl.models.SpeedHead` and a :class:`~videossl.models.SegmentHead`.

    Args:
        backbone: maps clips [N, 3, T, H, W] to a feature map [N, C, t, h, w].
        heads: named heads, see :class:`~videossl.models.heads.PretextHead`. Each gets :class:`Embeddings`, and has to
            be one that needs neither a teacher nor a memory bank.
        necks: named necks, feature map to embedding [N, D]. ``'pooled'``, the average over time and space, is always
            there. Where the backbone has branches (``BranchedBackbone(output='branches')``), a neck reads the one that
            its ``branch`` names; without a name it reads all branches, concatenated over the channels.
        data_preprocessor: default: :class:`~videossl.models.ClipDataPreprocessor`.
        pass_per_view: run the encoder once for each of the V clips of a sample, on B clips at a time, instead of once on
            all B * V. In training, batch norm then takes its statistics of B clips, and its running averages move V times
            a step. The released code of VCOP does so, and MomentumPretrainer's teacher always.

    Raises:
        ConfigError: a head needs an embedding, a teacher or a bank that the model lacks. The message names the config's key.
    """

    has_teacher = False
    has_mask = False

    def __init__(
        self,
        backbone: nn.Module | dict,
        heads: dict[str, nn.Module | dict],
        necks: dict[str, nn.Module | dict] | None = None,
        data_preprocessor: nn.Module | dict | None = None,
        pass_per_view: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(
            data_preprocessor=build(data_preprocessor or dict(type='ClipDataPreprocessor')), init_cfg=init_cfg
        )
        for key, parts in dict(heads=heads, necks=necks or {}).items():
            if not hasattr(parts, 'items') or None in parts.values():
                raise ConfigError(
                    f'model.{key} must be a dict of named {key}, got {parts!r}; to take one out of an inherited config, set '
                    f'model.{key}=dict(_delete_=True, ...)'
                )
        self.backbone = build(backbone)
        self.necks = build_all({'pooled': dict(type='PoolNeck'), **(necks or {})})
        self.heads = build_all({name: in_todays_words(head) for name, head in heads.items()})
        self.pass_per_view = pass_per_view
        for name, neck in self.necks.items():
            check_branch(name, neck, self.backbone)
        for name, head in self.heads.items():
            if head.embedding_name not in self.necks:
                raise ConfigError(
                    f'model.heads.{name} reads the embedding "{head.embedding_name}", but necks has only {list(self.necks)}'
                )
            if (needs(head, 'teacher') or needs(head, 'bank')) and not self.has_teacher:
                raise ConfigError(
                    f'model.heads.{name}: {type(head).__name__} compares with an averaged teacher or a memory bank, which '
                    f'{type(self).__name__} does not have; use model.type="MomentumPretrainer"'
                )
            if needs(head, 'mask') and not self.has_mask:
                raise ConfigError(
                    f'model.heads.{name}: {type(head).__name__} predicts what is masked, and {type(self).__name__} masks '
                    'nothing; use model.type="MaskedPretrainer"'
                )

    @property
    def embeddings_in_use(self) -> list[str]:
        """Names of the embeddings that some head reads; the others are not computed."""
        used = {head.embedding_name for head in self.heads.values()}
        return [name for name in self.necks if name in used]

    def forward(self, inputs: Tensor, data_samples: Sequence | None = None, mode: str = 'tensor') -> Any:
        """Run the model in one of mmengine's three modes.

        Args:
            inputs: [B, V, 3, T, H, W], normalised.
            data_samples: B samples with the samplers' labels.
            mode: ``'loss'``: a dict of losses and accuracies. ``'tensor'``: the backbone's output, a feature map
                [B * V, C, t, h, w] unless it returns several. ``'predict'``: pooled features [B, V, C].
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
        if self.pass_per_view and inputs.shape[1] > 1:
            views = [self.embed(view, names) for view in inputs.split(1, dim=1)]
            return {name: torch.cat([view[name] for view in views], dim=1) for name in names}
        feature_map = self.backbone(inputs.flatten(0, 1))
        return {name: run_neck(self.necks[name], feature_map).unflatten(0, inputs.shape[:2]) for name in names}

    def loss(self, inputs: Tensor, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """All heads' losses and accuracies; two heads may not use one name."""
        embeddings = self.embed(inputs, self.embeddings_in_use)
        results: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            add_results(results, head.loss(Embeddings(embeddings[head.embedding_name]), data_samples), name)
        return results


def needs(head: nn.Module, part: str) -> bool:
    """Whether a head declares that it needs the ``'teacher'``, the ``'bank'`` or the ``'mask'``."""
    return getattr(head, f'needs_{part}', False)


def in_todays_words(head: nn.Module | dict) -> nn.Module | dict:
    """A head's config with ``embedding_name`` where it has ``embedding``, as configs within older checkpoints do."""
    if not isinstance(head, dict) or 'embedding' not in head:
        return head
    renamed = dict(head)
    renamed['embedding_name'] = renamed.pop('embedding')
    return renamed


def run_neck(neck: nn.Module, feature_map: Tensor | dict[str, Tensor]) -> Tensor:
    """The embedding that a neck computes of a backbone's map, or of the branches that it reads."""
    if not isinstance(feature_map, dict):
        return neck(feature_map)
    branch = branch_of(neck)
    return neck(torch.cat(list(feature_map.values()), dim=1) if branch is None else feature_map[branch])


def branch_of(neck: nn.Module) -> str | None:
    """The branch that a neck reads; None: all of them."""
    return getattr(neck, 'branch', None)


def check_branch(name: str, neck: nn.Module, backbone: nn.Module) -> None:
    """Refuse a neck that reads a branch which the backbone does not give."""
    branch = branch_of(neck)
    if branch is not None and branch not in getattr(backbone, 'branch_names', ()):
        raise ConfigError(
            f'model.necks.{name} reads the branch "{branch}", but {type(backbone).__name__} has '
            f'{list(getattr(backbone, "branch_names", ())) or "none"}; see BranchedBackbone'
        )
    if branch is not None and backbone.output != 'branches':
        raise ConfigError(
            f'model.necks.{name} reads the branch "{branch}", but the backbone concatenates its branches; set '
            'backbone.output="branches"'
        )


def add_results(results: dict[str, Tensor], new: dict[str, Tensor], head: str) -> None:
    """Add one head's losses and accuracies to those of the others."""
    double = results.keys() & new.keys()
    if double:
        raise ConfigError(
            f'model.heads.{head} returns {sorted(double)}, which another head returned already; give it another name'
        )
    results.update(new)
