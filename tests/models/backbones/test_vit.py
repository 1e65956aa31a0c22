"""ViT: the net of mmaction2, token by token, with and without masked cells."""

import itertools
import math

import pytest
import torch
from mmaction.models.backbones.vit_mae import VisionTransformer
from torch import nn
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import BranchedBackbone, ViT
from videossl.models.backbones.vit import position_table, take_cells
from videossl.models.folding import folded


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def small(**changes) -> ViT:
    return ViT(**{**dict(num_heads=2, base_channels=6, depth=4, patch_size=8), **changes}).eval()


@pytest.mark.parametrize(('num_heads', 'parameters'), [(3, 5_631_552), (6, 21_879_936), (12, 86_227_200)])
def test_the_numbers_of_parameters_are_those_of_the_published_nets(num_heads, parameters):
    width = 64 * num_heads
    # Two norms, q, k, v with two biases, projection, two layers of four times the width.
    block = 4 * width + 3 * width**2 + 2 * width + width**2 + width + 8 * width**2 + 5 * width
    with torch.device('meta'):
        found = sum(parameter.numel() for parameter in ViT(num_heads).parameters())
    assert found == 3 * 2 * 16 * 16 * width + width + 12 * block + 2 * width == parameters


def test_the_map_is_that_of_mmaction2s_net_but_for_the_last_norm():
    net = ViT(num_heads=2, base_channels=4, depth=4, final_norm=False).eval()
    reference = VisionTransformer(embed_dims=8, depth=4, num_heads=2, return_feat_map=True).eval()
    names = {'stem.conv.': 'patch_embed.projection.'}
    names.update({f'stage{index + 1}.block{index}.': f'blocks.{index}.' for index in range(4)})
    for name, value in net.state_dict().items():
        nn.init.normal_(value, std=0.3)
        ours = next(prefix for prefix in names if name.startswith(prefix))
        reference.state_dict()[names[ours] + name.removeprefix(ours)].copy_(value)
    clips = torch.randn(1, 3, 16, 224, 224)
    with torch.no_grad():
        found, expected = net(clips), reference(clips)
        assert found.shape == (1, 8, 8, 14, 14) and found.std() > 0.1
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        norm = ViT(num_heads=2, base_channels=4, depth=4)
        assert not norm.load_state_dict(net.state_dict(), strict=False).unexpected_keys
        torch.testing.assert_close(norm.eval()(clips), F.layer_norm(found.movedim(1, 4), (8,), eps=1e-6).movedim(4, 1))


def test_only_the_visible_tokens_pass_through_the_blocks():
    net, clips = small(), torch.randn(2, 3, 4, 16, 24)
    visible = torch.tensor([[0, 4], [2, 5]])  # of 2 rows of 3 cells
    lengths = []
    net.stage1.block0.register_forward_hook(lambda _, inputs, output: lengths.append(inputs[0].shape[1]))
    found = net(clips, visible)
    assert found.shape == (2, 12, 2, 1, 2) and lengths == [2 * 2]
    tokens = net.stem(clips)
    for clip, cells in enumerate(visible.tolist()):
        chosen = [tokens[clip, :, time, cell // 3, cell % 3] for time in range(2) for cell in cells]
        chosen = torch.stack(chosen)[None]
        for index in range(4):
            chosen = net.get_submodule(f'stage{index + 1}.block{index}')(chosen)
        expected = net.stage4.norm(chosen)[0].view(2, 2, 12)
        torch.testing.assert_close(found[clip, :, :, 0].permute(1, 2, 0), expected)


def test_masked_pixels_do_not_change_the_map_of_the_visible_ones():
    net, clips, visible = small(), torch.randn(1, 3, 4, 16, 16), torch.tensor([[1]])
    changed = clips.clone()
    changed[..., 8:, :] += 1  # cells 2 and 3
    changed[..., :8, :8] -= 1  # cell 0
    assert torch.equal(net(clips, visible), net(changed, visible))
    assert not torch.equal(net(clips), net(changed))


def test_visible_tokens_give_the_maps_of_out_indices():
    net, clips = small(out_indices=(0, 2)), torch.randn(1, 3, 4, 16, 16)
    stem, middle = net(clips, torch.arange(4)[None])
    whole = net(clips)
    for found, expected in zip((stem, middle), whole, strict=True):
        torch.testing.assert_close(found.flatten(3), expected.flatten(3))


def test_all_cells_visible_give_the_whole_map():
    net, clips = small(), torch.randn(1, 3, 4, 16, 24)
    torch.testing.assert_close(net(clips, torch.arange(6)[None]).view(1, 12, 2, 2, 3), net(clips))


def test_cells_are_counted_row_after_row():
    feature_map = torch.arange(2 * 6).view(1, 1, 2, 2, 3)
    assert take_cells(feature_map, torch.tensor([[5, 0]])).tolist() == [[[[[5, 0]], [[11, 6]]]]]


def test_positions_are_interpolated_for_clips_of_other_sizes_and_all_differ():
    stem = small(patch_size=16).stem
    nn.init.zeros_(stem.conv.weight)
    nn.init.zeros_(stem.conv.bias)
    torch.testing.assert_close(stem(torch.zeros(1, 3, 16, 224, 224)), stem.positions)
    half = stem(torch.zeros(1, 3, 8, 112, 112))
    pooled = F.avg_pool3d(stem.positions, 2)  # halving linearly is the mean of neighbours
    torch.testing.assert_close(half, pooled)
    assert torch.pdist(half.flatten(2)[0].t()).min() > 1e-3


@pytest.mark.parametrize(
    ('shape', 'size'),
    [((3, 16, 16), '3x16x16'), ((4, 20, 16), '4x20x16'), ((4, 16, 12), '4x16x12'), ((4, 4, 4), '4x4x4')],
)
def test_clips_that_are_no_whole_number_of_cubes_are_refused_by_name(shape, size):
    with pytest.raises(ConfigError, match=f'tubelet_size=2 and patch_size=8 must divide.*{size}.*clip_len'):
        small()(torch.zeros(1, 3, *shape))


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(depth=6), 'depth must be a multiple of 4'),
        (dict(depth=2), 'depth must be an integer of at least 4'),
        (dict(num_heads=0), 'num_heads must be an integer'),
        (dict(patch_size=2.5), 'patch_size must be an integer'),
        (dict(drop_path=2), 'drop_path must be a number from 0 to 1'),
        (dict(drop_path=1), 'drop_path must be below 1'),
        (dict(num_heads=3, base_channels=3), r'num_heads \* base_channels must be even'),
    ],
)
def test_arguments_out_of_range_are_refused_by_name(changes, message):
    with pytest.raises(ConfigError, match=message):
        small(**changes)


def test_later_blocks_are_skipped_more_often_and_only_in_training():
    net = small(drop_path=0.3)
    probabilities = [getattr(net.get_submodule(f'stage{i + 1}.block{i}').drop_path, 'drop_prob', 0) for i in range(4)]
    assert probabilities == pytest.approx([0, 0.1, 0.2, 0.3])
    clips = torch.randn(8, 3, 4, 16, 16)
    assert torch.equal(net(clips), net(clips))
    assert not torch.equal(net.train()(clips), net(clips))


def test_a_net_without_batch_norms_is_not_folded():
    net = small()
    assert folded(net) is net


def test_branches_share_the_stem():
    branched = BranchedBackbone(small(), branches=['one', 'other'])
    assert branched(torch.randn(1, 3, 4, 16, 16)).shape == (1, 24, 2, 2, 2)


def test_positions_by_axes_are_those_of_slice_row_and_column_in_a_third_of_the_channels_each():
    table = position_table((2, 3, 4), 20, 'axes')  # 8 channels for time, 6 for each side
    for slice_, row, column in itertools.product(range(2), range(3), range(4)):
        expected = []
        for place, waves in ((slice_, 4), (row, 3), (column, 3)):
            angles = [place / 100 ** (number / waves) for number in range(waves)]
            expected += [*map(math.sin, angles), *map(math.cos, angles)]
        assert table[slice_, row, column].tolist() == pytest.approx(expected, abs=1e-6)


def test_positions_by_axes_depend_on_no_other_axis_and_fit_clips_of_every_size():
    net = ViT(num_heads=2, base_channels=9, depth=4, patch_size=8, positions='axes')
    net.stem.conv.weight.data.zero_()
    net.stem.conv.bias.data.zero_()
    small, wide = (net.stem(torch.zeros(1, 3, 4, 16, width)) for width in (16, 256))
    torch.testing.assert_close(small, net.stem.positions[:, :, :2, :2, :2])
    torch.testing.assert_close(wide[..., :2], small)
    assert torch.equal(wide, position_table((2, 2, 32), 18, 'axes').movedim(3, 0)[None])
    with pytest.raises(ConfigError, match="positions must be one of 'numbers', 'axes'"):
        ViT(positions='learnt')
