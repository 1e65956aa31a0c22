"""An encoder that sees a part of each clip, and heads that predict the rest."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..backbones import ViT
from ..embeddings import Embeddings
from .pretrainer import Pretrainer, add_results, run_neck


@MODELS.register_module()
class MaskedPretrainer(Pretrainer):
    """A masked autoencoder: only the visible tokens pass through the encoder.

    VideoMAE is this with a :class:`~videossl.models.MaskedPixelHead`. The masks come with the samples, from
    :class:`~videossl.datasets.DrawTubeMask`. Heads get the map of the visible cells, [B, V, C, t, 1, K], through their neck,
    and the clips in 0..1. Other modes than ``'loss'`` see whole clips, as features and fine-tuning do.

    Args:
        backbone: a :class:`~videossl.models.ViT`.
        heads, necks, data_preprocessor, init_cfg: as in :class:`Pretrainer`. The preprocessor is a
            :class:`~videossl.models.ClipDataPreprocessor`.

    Raises:
        ConfigError: the backbone cannot leave tokens out, or a head has cubes of another size.
    """

    has_mask = True

    def __init__(
        self,
        backbone: nn.Module | dict,
        heads: dict[str, nn.Module | dict],
        necks: dict[str, nn.Module | dict] | None = None,
        data_preprocessor: nn.Module | dict | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(backbone, heads, necks, data_preprocessor, init_cfg=init_cfg)
        if not isinstance(self.backbone, ViT):
            raise ConfigError(
                f'model.backbone: {type(self.backbone).__name__} cannot leave out the masked parts of a clip; use type="ViT"'
            )
        for name, head in self.heads.items():
            for key in ('patch_size', 'tubelet_size'):
                own, backbones = getattr(head, key, None), getattr(self.backbone, key)
                if own not in (None, backbones):
                    raise ConfigError(
                        f'model.heads.{name}.{key} is {own}, but model.backbone.{key} is {backbones}; set both to one number'
                    )

    def loss(self, inputs: Tensor, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """All heads' losses and accuracies.

        Args:
            inputs: [B, V, 3, T, H, W], normalised.
            data_samples: B samples with ``gt_visible_cells``, int64 [V, K], and ``gt_masked_cells``, int64 [V, M].

        Raises:
            ConfigError: the samples have no mask, or one of another grid.
        """
        visible = self._visible_cells(inputs, data_samples)
        feature_map = self.backbone(inputs.flatten(0, 1), visible.flatten(0, 1))
        embeddings = {
            name: run_neck(self.necks[name], feature_map).unflatten(0, inputs.shape[:2])
            for name in self.embeddings_in_use
        }
        preprocessor: Any = self.data_preprocessor
        clips = preprocessor.pixels_of(inputs)
        results: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            given = Embeddings(embeddings[head.embedding_name], clips=clips)
            add_results(results, head.loss(given, data_samples), name)
        return results

    def _visible_cells(self, inputs: Tensor, data_samples: Sequence | None) -> Tensor:
        """The visible cells of each clip, int64 [B, V, K], once the mask is known to be of the clips' grid."""
        if not data_samples or 'gt_visible_cells' not in data_samples[0]:
            raise ConfigError(
                'train_dataloader.dataset.pipeline: MaskedPretrainer needs a mask for each clip; add '
                "mask=dict(type='DrawTubeMask', _after_='clips')"
            )
        side, (height, width) = self.backbone.patch_size, inputs.shape[-2:]
        cells = sum(data_samples[0].get(f'gt_{part}_cells').shape[-1] for part in ('visible', 'masked'))
        if cells != (height // side) * (width // side):
            raise ConfigError(
                f'train_dataloader.dataset.pipeline: the masks have {cells} cells, but frames of {width}x{height} have '
                f'{(height // side) * (width // side)} patches of model.backbone.patch_size={side}; give DrawTubeMask the '
                'same patch_size'
            )
        return torch.stack([sample.get('gt_visible_cells') for sample in data_samples]).to(inputs.device)
