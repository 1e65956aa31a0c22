"""The decoder of a masked autoencoder: from the tokens of the visible cubes to the pixels of the masked ones."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from videossl.checks import check_choice, check_integer
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..backbones.vit import POSITIONS, attention_block, draw_linear_layers, position_table
from ..embeddings import Embeddings
from .pretext_head import PretextHead


def cubes_of(clips: Tensor, tubelet_size: int, patch_size: int) -> Tensor:
    """Divide clips [N, C, T, H, W] into cubes: [N, t, cells, P, C] with P = tubelet_size * patch_size^2 pixels.

    Cells are counted row after row; the pixels of a cube frame after frame, row after row.
    """
    cubes = clips.unflatten(4, (-1, patch_size)).unflatten(3, (-1, patch_size)).unflatten(2, (-1, tubelet_size))
    return cubes.permute(0, 2, 4, 6, 3, 5, 7, 1).flatten(4, 6).flatten(2, 3)


def normalised_cubes(cubes: Tensor) -> Tensor:
    """Each channel of each cube [..., P, C] less its mean, divided by its standard deviation (unbiased) plus 1e-6."""
    centred = cubes - cubes.mean(dim=-2, keepdim=True)
    return centred / (cubes.std(dim=-2, keepdim=True) + 1e-6)


def chosen_cells(cubes: Tensor, cells: Tensor) -> Tensor:
    """Cubes [N, t, cells, P, C] of the cells int64 [N, K], in every slice: [N, t, K, P, C]."""
    index = cells[:, None, :, None, None].expand(-1, cubes.shape[1], -1, *cubes.shape[3:])
    return cubes.gather(2, index)


def explained(error: Tensor, variance: Tensor) -> Tensor:
    """The share of a target's variance that predictions with this mean squared error explain; 0 of a flat target."""
    return torch.where(variance > 0, 1 - error / variance, torch.zeros_like(error))


@MODELS.register_module()
class MaskedPixelHead(PretextHead):
    """A decoder predicts the pixels of the masked cubes from the encoder's tokens of the visible ones (VideoMAE).

    "VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video Pre-Training", Zhan Tong, Yibing Song,
    Jue Wang, Limin Wang, 2022, and its released code. Tokens pass through a linear layer without bias; a masked cube is one
    learnt vector; both get their positions and pass through the decoder's blocks; of the masked ones a linear layer gives the
    pixels. The loss is the squared error, averaged over all pixels of the masked cubes.

    ``acc_pixels`` is the share of the target's variance that is explained: 1 less the error divided by the variance. A
    perfect prediction has 1; that of an untrained net is negative. In evaluation ``acc_guess`` is that of the better of two
    guesses without a net: the mean of all targets, which has 0, and the mean of the clip's visible cubes, pixel by pixel.

    Args:
        in_channels: width of the encoder.
        patch_size, tubelet_size: of a cube, the backbone's.
        decoder_channels: width of the decoder, a multiple of ``decoder_heads``.
        decoder_depth: number of its blocks.
        decoder_heads: attention heads of a block.
        positions: of the decoder's tokens, ``'numbers'`` or ``'axes'``, as of :class:`~videossl.models.ViT`.
        normalize_target: whether the target is normalised in each cube and channel (:func:`normalised_cubes`). False: it is
            the pixels in 0..1.
        embedding_name: the neck whose map the head reads, a :class:`~videossl.models.MapNeck`.
        loss_weight: factor on the loss.
    """

    needs_mask = True
    labels_read = ('gt_visible_cells', 'gt_masked_cells')
    positions: Tensor

    def __init__(
        self,
        in_channels: int = 192,
        patch_size: int = 16,
        tubelet_size: int = 2,
        decoder_channels: int = 192,
        decoder_depth: int = 4,
        decoder_heads: int = 3,
        positions: str = 'numbers',
        normalize_target: bool = True,
        embedding_name: str = 'map',
        loss_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(embedding_name, loss_weight, init_cfg)
        sizes = dict(patch_size=patch_size, tubelet_size=tubelet_size, decoder_depth=decoder_depth)
        for name, value in dict(sizes, decoder_heads=decoder_heads, decoder_channels=decoder_channels).items():
            check_integer(f'MaskedPixelHead: {name}', value)
        if decoder_channels % decoder_heads or decoder_channels % 2:
            raise ConfigError(
                f'MaskedPixelHead: decoder_channels={decoder_channels} must be even and a multiple of '
                f'decoder_heads={decoder_heads}'
            )
        check_choice('MaskedPixelHead: positions', positions, POSITIONS)
        self.kind_of_positions = positions
        self.patch_size = patch_size
        self.tubelet_size = tubelet_size
        self.normalize_target = normalize_target
        self.project = nn.Linear(in_channels, decoder_channels, bias=False)
        self.mask_token = nn.Parameter(torch.empty(decoder_channels))
        self.blocks = nn.Sequential(*(attention_block(decoder_channels, decoder_heads) for _ in range(decoder_depth)))
        self.norm = nn.LayerNorm(decoder_channels, eps=1e-6)
        self.pixels = nn.Linear(decoder_channels, 3 * tubelet_size * patch_size**2)
        draw_linear_layers(self)
        nn.init.normal_(self.mask_token, std=0.02)
        # [t, cells, decoder_channels], made in the first iteration, which tells the size of the clips.
        self.register_buffer('positions', torch.empty(0, 0, decoder_channels), persistent=False)
        self.columns = 0

    def forward(self, visible_map: Tensor, visible: Tensor, masked: Tensor, columns: int = 1) -> Tensor:
        """Predict the masked cubes [N, t, M, P, 3].

        Args:
            visible_map: the encoder's map of the visible cells, [N, in_channels, t, 1, K].
            visible, masked: the cells, int64 [N, K] and [N, M]; together all cells of the grid.
            columns: of the grid; ``positions='axes'`` need them.
        """
        num_slices, cells = visible_map.shape[2], visible.shape[1] + masked.shape[1]
        if self.positions.shape[:2] != (num_slices, cells) or self.columns != columns:
            grid = num_slices, cells // columns, columns
            table = position_table(grid, self.positions.shape[2], self.kind_of_positions)
            self.positions, self.columns = table.flatten(1, 2).to(visible_map.device), columns
        positions = self.positions
        tokens = self.project(visible_map.squeeze(3).permute(0, 2, 3, 1))
        tokens = torch.cat(
            (tokens + positions[:, visible].transpose(0, 1), self.mask_token + positions[:, masked].transpose(0, 1)),
            dim=2,
        )
        tokens = self.blocks(tokens.flatten(1, 2)).unflatten(1, (num_slices, cells))
        return self.pixels(self.norm(tokens[:, :, visible.shape[1] :])).unflatten(3, (-1, 3))

    def targets(self, clips: Tensor, cells: Tensor) -> Tensor:
        """The targets [N, t, K, P, 3] of the named cells, of clips [N, 3, T, H, W] in 0..1."""
        cubes = chosen_cells(cubes_of(clips, self.tubelet_size, self.patch_size), cells)
        return normalised_cubes(cubes) if self.normalize_target else cubes

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The squared error over the masked cubes.

        Args:
            embeddings: student [B, V, in_channels, t, 1, K] of the visible cells, and the clips.
            data_samples: B samples, each with ``gt_visible_cells``, int64 [V, K], and ``gt_masked_cells``, int64 [V, M].

        Raises:
            ConfigError: the pretrainer does not mask, or the embedding is no map.
        """
        if embeddings.clips is None:
            raise ConfigError(
                'model.type: MaskedPixelHead predicts what is masked, which needs type="MaskedPretrainer"'
            )
        if embeddings.student.ndim != 6:
            raise ConfigError(
                f'MaskedPixelHead: embedding_name="{self.embedding_name}" is no map but {tuple(embeddings.student.shape)}; give '
                "model.necks.map=dict(type='MapNeck') and embedding_name='map'"
            )
        visible, masked = (self.gather(data_samples, label, embeddings).flatten(0, 1) for label in self.labels_read)
        clips = embeddings.clips.flatten(0, 1)
        predictions = self(embeddings.student.flatten(0, 1), visible, masked, clips.shape[-1] // self.patch_size)
        with in_float32(predictions):
            predictions, target = predictions.float(), self.targets(clips, masked)
            error, variance = (predictions - target).square().mean(), target.var(correction=0)
            results = dict(loss_pixels=self.loss_weight * error, acc_pixels=explained(error.detach(), variance))
            if not self.training:
                guess = self.targets(clips, visible).mean(dim=(1, 2), keepdim=True)
                results['acc_guess'] = explained((guess - target).square().mean(), variance).clamp(min=0)
        return results
