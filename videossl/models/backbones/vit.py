"""ViT: a vision transformer on cubes of a clip, whose output is a map."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from mmaction.models.backbones.vit_mae import Attention, Block, get_sinusoid_encoding
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_choice, check_integer, check_share
from videossl.errors import ConfigError
from videossl.models.backbones.base import Stage, VideoBackbone, check_channels
from videossl.registry import MODELS

NUM_STAGES = 4  # after the stem
CLIP_OF_POSITIONS = (16, 224, 224)  # frames, height, width
POSITIONS = ('numbers', 'axes')


@MODELS.register_module()
class ViT(VideoBackbone):
    """Vision transformer of VideoMAE: every cube of 2x16x16 pixels is a token, and every token attends to all others.

    Parameters with the defaults: 5,631,552 (ViT-Ti). ViT-S has ``num_heads=6`` and 21,879,936, ViT-B has 12 and
    86,227,200. There is no class token. Queries and values have a bias, keys have none. Linear layers are drawn by
    Xavier's uniform distribution. Positions are fixed sines and cosines of the number of a token in a clip of 16x224x224
    (time x height x width). For clips of other sizes they are interpolated linearly, so that one net takes all sizes.

    The tokens are returned as a map, so that heads, necks and recognisers work as with a convolutional net. For clips of
    16x224x224 every map is 192x8x14x14. The blocks are divided into four stages of equal length;
    ``stage4`` ends with a layer norm.

    mmaction2's ``VisionTransformer`` is the same net, and its blocks are used here. The class itself has no stages to
    freeze, keeps every token, and returns its map without the last norm.

    Sources: Tong et al., VideoMAE: Masked Autoencoders are Data-Efficient Learners for Self-Supervised Video Pre-Training,
    NeurIPS 2022, and its released code.

    Args:
        num_heads: attention heads of a block. The width is ``num_heads * base_channels``: 3, 6 or 12 for Ti, S or B.
        depth: number of blocks, a multiple of 4.
        patch_size: height and width of a cube in pixels.
        tubelet_size: length of a cube in frames.
        positions: ``'numbers'``: those above, VideoMAE's. ``'axes'``: a third of the channels each for time, row and column, so
            that a narrow net can tell columns apart, see :func:`position_table`; ours, not a paper's.
        drop_path: share of samples for which the last block is skipped in training; of the first it is 0, between them it
            rises linearly.
        final_norm: whether ``stage4`` ends with the layer norm.
        in_channels: Channels of the clips.
        base_channels: Channels of one head. 64 is the paper's.
        kwargs: ``frozen_stages``, ``norm_eval``, ``out_indices`` and ``init_cfg`` of :class:`VideoBackbone`.

    Raises:
        ConfigError: On an argument out of range; and, in use, on clips that cannot be divided into cubes.
    """

    def __init__(
        self,
        num_heads: int = 3,
        depth: int = 12,
        patch_size: int = 16,
        tubelet_size: int = 2,
        positions: str = 'numbers',
        drop_path: float = 0.0,
        final_norm: bool = True,
        in_channels: int = 3,
        base_channels: int = 64,
        **kwargs: Any,
    ) -> None:
        check_channels(in_channels, base_channels)
        for name, value in dict(num_heads=num_heads, patch_size=patch_size, tubelet_size=tubelet_size).items():
            check_integer(f'ViT: {name}', value)
        check_integer('ViT: depth', depth, minimum=NUM_STAGES)
        check_share('ViT: drop_path', drop_path)
        if drop_path == 1:
            raise ConfigError('ViT: drop_path must be below 1, or the last block is never used')
        check_choice('ViT: positions', positions, POSITIONS)
        if depth % NUM_STAGES:
            raise ConfigError(f'ViT: depth must be a multiple of {NUM_STAGES}, got {depth}')
        width, blocks_per_stage = num_heads * base_channels, depth // NUM_STAGES
        if width % 2:
            raise ConfigError(
                f'ViT: num_heads * base_channels must be even, for pairs of sine and cosine, got {num_heads} * '
                f'{base_channels}'
            )
        stem = CubeEmbedding(in_channels, width, patch_size, tubelet_size, positions)
        stages = [Stage('stem', stem, width)]
        for number in range(NUM_STAGES):
            layers: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(number * blocks_per_stage, (number + 1) * blocks_per_stage):
                layers[f'block{index}'] = attention_block(width, num_heads, drop_path * index / (depth - 1))
            if final_norm and number == NUM_STAGES - 1:
                layers['norm'] = nn.LayerNorm(width, eps=1e-6)
            stages.append(Stage(f'stage{number + 1}', TokenStage(layers), width))
        super().__init__(stages, **kwargs)
        self.patch_size = patch_size
        self.tubelet_size = tubelet_size
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights of all linear layers."""
        draw_linear_layers(self)

    def forward(self, clips: Tensor, visible_cells: Tensor | None = None) -> Tensor | tuple[Tensor, ...]:
        """Compute the map of each clip, of all its tokens or of the visible ones.

        Args:
            clips: [N, C, T, H, W], normalised by the data preprocessor.
            visible_cells: int64 [N, K]: the cells of the grid of ``H / patch_size`` rows that are visible in every slice, row
                after row from 0. Only their tokens pass through the blocks.

        Returns:
            [N, width, T / tubelet_size, H / patch_size, W / patch_size], or, with ``visible_cells``, [N, width,
            T / tubelet_size, 1, K]; with several ``out_indices`` the tuple of their maps.
        """
        if visible_cells is None:
            return super().forward(clips)
        return self.run_stages(clips, lambda feature_map: take_cells(feature_map, visible_cells))


class CubeEmbedding(nn.Module):
    """Cubes to tokens by one linear layer, plus their positions: [N, C, T, H, W] to [N, width, t, h, w]."""

    positions: Tensor

    def __init__(self, in_channels: int, width: int, patch_size: int, tubelet_size: int, kind: str = 'numbers') -> None:
        super().__init__()
        self.size = (tubelet_size, patch_size, patch_size)
        self.kind = kind
        self.conv = nn.Conv3d(in_channels, width, self.size, stride=self.size)
        grid = [max(length // part, 1) for length, part in zip(CLIP_OF_POSITIONS, self.size)]
        # Follows from the other weights' shapes, so files of weights do not hold it.
        self.register_buffer('positions', position_table(grid, width, kind).movedim(3, 0)[None], persistent=False)

    def forward(self, clips: Tensor) -> Tensor:
        self._check_divisible(tuple(clips.shape[2:]))
        feature_map, positions = self.conv(clips), self.positions
        if feature_map.shape[2:] != positions.shape[2:] and self.kind == 'axes':
            grid = tuple(feature_map.shape[2:])
            positions = position_table(grid, feature_map.shape[1], self.kind).movedim(3, 0).to(feature_map.device)
        elif feature_map.shape[2:] != positions.shape[2:]:
            positions = F.interpolate(positions, tuple(feature_map.shape[2:]), mode='trilinear', align_corners=False)
        return feature_map + positions

    def _check_divisible(self, clip: tuple[int, ...]) -> None:
        if any(length % part or length < part for length, part in zip(clip, self.size)):
            raise ConfigError(
                f'model.backbone: tubelet_size={self.size[0]} and patch_size={self.size[1]} must divide the frames and the '
                f'sides of a clip, and there are clips of {"x".join(map(str, clip))} (frames x height x width). Set them, or '
                'clip_len of the sampler and the size of the crop in the pipeline'
            )


def position_table(grid: Sequence[int], width: int, kind: str = 'numbers') -> Tensor:
    """The positions of the cubes of a grid, fixed sines and cosines: fp32 [t, h, w, width].

    Args:
        grid: slices, rows, columns.
        width: channels, even.
        kind: ``'numbers'``: of the number of a cube, counted over all of them, as VideoMAE has it. A neighbour in the next row is
            then w numbers away, and a narrow net has few waves that tell columns. ``'axes'``: of slice, row and column, each by
            a third of the channels.
    """
    slices, rows, columns = grid
    if kind == 'numbers':
        return get_sinusoid_encoding(slices * rows * columns, width)[0].unflatten(0, (slices, rows, columns))
    third = width // 6 * 2
    shapes = (slices, 1, 1), (1, rows, 1), (1, 1, columns)
    parts = [
        axis_waves(length, channels).view(*shape, channels).expand(slices, rows, columns, channels)
        for length, channels, shape in zip(grid, (width - 2 * third, third, third), shapes)
    ]
    return torch.cat(parts, dim=3)


def axis_waves(length: int, channels: int) -> Tensor:
    """Sines and cosines of the places 0 to length - 1, fp32 [length, channels]; the wavelengths lie between 2 pi and 200 pi."""
    angles = torch.arange(length)[:, None] / 100 ** torch.linspace(0, 1, channels // 2 + 1)[:-1]
    return torch.cat((angles.sin(), angles.cos()), dim=1)


class TokenStage(nn.Sequential):
    """Layers on tokens [N, L, C], applied to a map [N, C, t, h, w]."""

    def forward(self, feature_map: Tensor) -> Tensor:
        tokens = super().forward(feature_map.flatten(2).transpose(1, 2))
        return tokens.transpose(1, 2).unflatten(2, feature_map.shape[2:])


class FusedAttention(Attention):
    """mmaction2's attention by PyTorch's fused kernel: the matrix of all pairs of tokens is not stored."""

    def forward(self, x: Tensor) -> Tensor:
        bias = torch.cat((self.q_bias, torch.zeros_like(self.v_bias), self.v_bias))
        queries_keys_values = F.linear(x, self.qkv.weight, bias).unflatten(2, (3, self.num_heads, -1))
        attended = F.scaled_dot_product_attention(*queries_keys_values.permute(2, 0, 3, 1, 4))
        return self.proj(attended.transpose(1, 2).flatten(2))


def attention_block(width: int, num_heads: int, drop_path: float = 0.0) -> Block:
    """Layer norm and attention, layer norm and two linear layers, each with a shortcut: tokens [N, L, width] to the same."""
    block = Block(width, num_heads, drop_path_rate=drop_path)
    block.attn = FusedAttention(width, num_heads)
    return block


def draw_linear_layers(module: nn.Module) -> None:
    """Draw the weights of all linear layers by Xavier's uniform distribution; biases become 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def take_cells(feature_map: Tensor, cells: Tensor) -> Tensor:
    """The named cells of every slice of a map: [N, C, t, h, w] and int64 [N, K] to [N, C, t, 1, K]."""
    index = cells[:, None, None].expand(-1, *feature_map.shape[1:3], -1)
    return feature_map.flatten(3).gather(3, index).unsqueeze(3)
