"""S3D-G as RSPNet and as VideoPace have it: counts, shapes, and a tiny version written as functions."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from videossl.models.backbones import S3DG
from videossl.models.backbones.s3dg import FarSideMaxPool3d, FeatureGate

RSPNET = dict()
PACE = dict(stem_conv='full', gating='linear', pool_padding='far_side', bn_eps=1e-5, bn_momentum=0.1)
both_variants = pytest.mark.parametrize('variant', [RSPNET, PACE], ids=['rspnet', 'pace'])


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def randomise_norms(module: nn.Module) -> None:
    """Give every batch norm statistics and an affine map of its own, so that a forgotten one changes the result."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm3d):
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.001, 0.5)  # small enough for eps to show
            nn.init.uniform_(norm.weight, 0.5, 2)
            nn.init.uniform_(norm.bias, -0.5, 0.5)


# ---------------------------------------------------------------------------------------------------- published counts


def test_rspnets_s3dg_has_8_68_million_parameters():
    with torch.device('meta'):
        assert count(S3DG()) == 8_675_744


def test_video_paces_s3dg_has_9_13_million_parameters_with_its_classifier():
    with torch.device('meta'):
        backbone = S3DG(**PACE)
        classifier = nn.Linear(backbone.out_channels, 4)
    assert count(backbone) == 9_125_072
    assert count(backbone) + count(classifier) == 9_129_172


def test_without_gates_it_is_s3d_of_7_91_million_parameters():
    with torch.device('meta'):
        assert count(S3DG(gating=None)) == 7_910_048
        assert not any(isinstance(module, FeatureGate) for module in S3DG(gating=None).modules())


# -------------------------------------------------------------------------------------------------------------- shapes


def shapes_of_stages(clip_shape: tuple[int, int, int], **kwargs) -> list[tuple[int, ...]]:
    with torch.device('meta'):
        feature_maps = S3DG(out_indices=range(5), **kwargs)(torch.empty(1, 3, *clip_shape))
    return [tuple(feature_map.shape[1:]) for feature_map in feature_maps]


@both_variants
def test_stages_have_the_papers_shapes_for_224_pixels(variant):
    assert shapes_of_stages((16, 224, 224), **variant) == [
        (64, 8, 112, 112),
        (192, 8, 56, 56),
        (480, 8, 28, 28),
        (832, 4, 14, 14),
        (1024, 2, 7, 7),
    ]


@both_variants
def test_64_frames_give_8(variant):
    assert shapes_of_stages((64, 224, 224), **variant)[-1] == (1024, 8, 7, 7)


@pytest.mark.parametrize('stem_time_stride', ['spatial', 'temporal'])
def test_stages_have_rspnets_shapes_for_112_pixels(stem_time_stride):
    assert shapes_of_stages((16, 112, 112), stem_time_stride=stem_time_stride) == [
        (64, 8, 56, 56),
        (192, 8, 28, 28),
        (480, 8, 14, 14),
        (832, 4, 7, 7),
        (1024, 2, 3, 3),
    ]


def test_pooling_padded_on_the_far_side_rounds_odd_sizes_up():
    assert shapes_of_stages((16, 112, 112), **PACE)[-1] == (1024, 2, 4, 4)


def test_clips_of_5_frames_of_17_pixels_are_the_smallest():
    backbone = S3DG(base_channels=1).eval()
    assert backbone(torch.rand(1, 3, 5, 17, 17)).shape[2:] == (1, 1, 1)
    for shape in ((4, 17, 17), (5, 16, 17), (5, 17, 16)):
        with pytest.raises(RuntimeError, match='too small'):
            backbone(torch.rand(1, 3, *shape))
    assert S3DG(base_channels=1, **PACE).eval()(torch.rand(1, 3, 1, 1, 1)).shape[2:] == (1, 1, 1)


def test_widths_are_rounded_down_but_never_to_zero():
    # 64 -> 2, 192 -> 6; block 3b: 64, (96) 128, (16) 32, 32 -> 2 + 4 + 1 + 1, with 3 and 1 (half, at least 1) inside.
    backbone = S3DG(base_channels=2)
    block = backbone.stage2.block3b
    assert backbone.stage_channels == (2, 6, 15, 26, 32)
    assert [branch.out_channels for branch in (block.branch1.reduce.conv, block.branch2.reduce.conv)] == [3, 1]
    assert block.out_channels == 8


# ----------------------------------------------------------------------------------------------------------- the layers


@pytest.mark.parametrize('layer', ['conv', 'linear'])
def test_a_gate_weighs_channels_by_a_sigmoid_of_their_mixed_means(layer):
    gate = FeatureGate(3, layer)
    x = torch.randn(2, 3, 2, 4, 5)
    matrix, bias = gate.excitation.weight.flatten(1), gate.excitation.bias
    expected = torch.empty_like(x)
    for sample in range(2):
        means = torch.stack([x[sample, channel].sum() / 40 for channel in range(3)])
        for channel in range(3):
            logit = (matrix[channel] * means).sum() + bias[channel]
            expected[sample, channel] = x[sample, channel] / (1 + torch.exp(-logit))
    torch.testing.assert_close(gate(x), expected)


def test_a_gate_of_zeros_halves_the_map_and_a_large_bias_opens_it():
    gate = FeatureGate(2, 'linear')
    x = torch.randn(1, 2, 2, 3, 3)
    nn.init.zeros_(gate.excitation.weight)
    nn.init.zeros_(gate.excitation.bias)
    torch.testing.assert_close(gate(x), x / 2)
    nn.init.constant_(gate.excitation.bias, 100)
    torch.testing.assert_close(gate(x), x)


def test_an_unknown_kind_of_gate_is_refused():
    with pytest.raises(ValueError, match="layer must be .*got 'mlp'"):
        FeatureGate(2, 'mlp')


def gated_layers(**kwargs) -> set[str]:
    backbone = S3DG(base_channels=1, **kwargs)
    return {name for name, module in backbone.named_modules() if isinstance(module, FeatureGate)}


BLOCKS = ['stage2.block3b', 'stage2.block3c', 'stage3.block4b', 'stage3.block4c', 'stage3.block4d', 'stage3.block4e',
          'stage3.block4f', 'stage4.block5b', 'stage4.block5c']  # yapf: disable


def test_rspnet_gates_every_separable_convolution_and_nothing_else():
    separable = [f'{block}.{branch}.separable' for block in BLOCKS for branch in ('branch1', 'branch2')]
    assert gated_layers() == {f'{name}.gate' for name in ['stem', 'stage1.conv2c', *separable]}


def test_video_pace_gates_every_branch_but_no_stem():
    separable = [f'{block}.{branch}.separable' for block in BLOCKS for branch in ('branch1', 'branch2')]
    pointwise = [f'{block}.{branch}' for block in BLOCKS for branch in ('branch0', 'branch3')]
    assert gated_layers(**PACE) == {f'{name}.gate' for name in ['stage1.conv2c', *separable, *pointwise]}


@pytest.mark.parametrize('kernel_size', [(1, 3, 3), (3, 3, 3), (2, 2, 2)])
@pytest.mark.parametrize('size', [1, 4, 5, 6, 7])
def test_pooling_padded_on_the_far_side_starts_every_window_at_a_multiple_of_the_stride(kernel_size, size):
    stride = (1, 2, 2) if kernel_size[0] == 1 else (2, 2, 2)
    x = torch.rand(1, 2, size, size, size)
    outputs = [-(-size // step) for step in stride]
    expected = torch.empty(1, 2, *outputs)
    for t in range(outputs[0]):
        for h in range(outputs[1]):
            for w in range(outputs[2]):
                window = [slice(at * step, at * step + width) for at, step, width in
                          zip((t, h, w), stride, kernel_size, strict=True)]  # yapf: disable
                expected[:, :, t, h, w] = x[:, :, window[0], window[1], window[2]].amax(dim=(2, 3, 4))
    torch.testing.assert_close(FarSideMaxPool3d(kernel_size, stride)(x), expected)


def frames_that_matter(**kwargs) -> list[bool]:
    """Which frames of a clip have an influence on the stem's map."""
    stem = S3DG(base_channels=8, **kwargs).eval().stem
    clip = torch.rand(1, 3, 8, 8, 8, requires_grad=True)
    stem(clip).sum().backward()
    return (clip.grad.abs().sum(dim=(0, 1, 3, 4)) > 0).tolist()


def test_rspnets_stem_never_looks_at_every_second_frame():
    assert frames_that_matter() == [True, False] * 4
    assert frames_that_matter(stem_time_stride='temporal') == [True] * 8
    assert frames_that_matter(stem_conv='full') == [True] * 8


# ------------------------------------------------------------------------------------------------------- the whole net


class Functions:
    """The net as calls on its weights. Convolutions over space and time are 2-D and 1-D ones, gates matrix products."""

    def __init__(self, weights: dict, eps: float) -> None:
        self.weights = weights
        self.eps = eps

    def bn_relu(self, x: torch.Tensor, name: str) -> torch.Tensor:
        mean, var, scale, shift = (
            self.weights[f'{name}.bn.{key}'][:, None, None, None]
            for key in ('running_mean', 'running_var', 'weight', 'bias')
        )
        return ((x - mean) / (var + self.eps).sqrt() * scale + shift).clamp(min=0)

    def pointwise(self, x: torch.Tensor, name: str) -> torch.Tensor:
        x = torch.einsum('oi,nithw->nothw', self.weights[f'{name}.conv.weight'].flatten(1), x)
        return self.bn_relu(x, name)

    def separable(self, x: torch.Tensor, name: str, stride: int = 1, frame_step: int = 1) -> torch.Tensor:
        spatial = self.weights[f'{name}.spatial.conv.weight'][:, :, 0]
        temporal = self.weights[f'{name}.temporal.conv.weight'][..., 0, 0]
        half = spatial.shape[-1] // 2
        frames = [F.conv2d(frame, spatial, stride=stride, padding=half) for frame in x[:, :, ::frame_step].unbind(2)]
        x = self.bn_relu(torch.stack(frames, dim=2), f'{name}.spatial')
        n, _, _, h, w = x.shape
        series = x.permute(0, 3, 4, 1, 2).flatten(0, 2)
        time_stride = 1 if frame_step > 1 else stride
        series = F.conv1d(series, temporal, stride=time_stride, padding=half).unflatten(0, (n, h, w))
        x = self.bn_relu(series.permute(0, 3, 4, 1, 2), f'{name}.temporal')
        return self.gate(x, name)

    def gate(self, x: torch.Tensor, name: str) -> torch.Tensor:
        matrix = self.weights[f'{name}.gate.excitation.weight'].flatten(1)
        bias = self.weights[f'{name}.gate.excitation.bias']
        return x * torch.sigmoid(x.mean(dim=(2, 3, 4)) @ matrix.T + bias)[:, :, None, None, None]

    def inception(self, x: torch.Tensor, name: str, gate_all: bool) -> torch.Tensor:
        outputs = [
            self.pointwise(x, f'{name}.branch0.pointwise'),
            self.separable(self.pointwise(x, f'{name}.branch1.reduce'), f'{name}.branch1.separable'),
            self.separable(self.pointwise(x, f'{name}.branch2.reduce'), f'{name}.branch2.separable'),
            self.pointwise(F.max_pool3d(x, 3, stride=1, padding=1), f'{name}.branch3.pointwise'),
        ]
        if gate_all:
            outputs[0] = self.gate(outputs[0], f'{name}.branch0')
            outputs[3] = self.gate(outputs[3], f'{name}.branch3')
        return torch.cat(outputs, dim=1)

    def after_the_stem(self, x: torch.Tensor, pool, gate_all: bool) -> torch.Tensor:
        x = self.pointwise(pool(x, (1, 3, 3)), 'stage1.conv2b')
        x = pool(self.separable(x, 'stage1.conv2c'), (1, 3, 3))
        for block in BLOCKS:
            if block.endswith('4b'):
                x = pool(x, (3, 3, 3))
            if block.endswith('5b'):
                x = pool(x, (2, 2, 2))
            x = self.inception(x, block, gate_all)
        return x


def pool_both_sides(x: torch.Tensor, kernel_size: tuple[int, int, int]) -> torch.Tensor:
    time = kernel_size[0]
    if time == 2:
        return F.max_pool3d(x, 2)
    return F.max_pool3d(x, kernel_size, stride=(1 if time == 1 else 2, 2, 2), padding=(time // 2, 1, 1))


def pool_far_side(x: torch.Tensor, kernel_size: tuple[int, int, int]) -> torch.Tensor:
    # Minus infinity, enough of it that no window is cut off: sizes are even or 1 here.
    time_stride = 1 if kernel_size[0] == 1 else 2
    x = F.pad(x, (0, 1, 0, 1, 0, time_stride - 1), value=-torch.inf)
    return F.max_pool3d(x, kernel_size, stride=(time_stride, 2, 2))


@pytest.mark.parametrize('stem_time_stride', ['spatial', 'temporal'])
def test_rspnets_net_equals_the_same_net_written_as_functions(stem_time_stride):
    torch.manual_seed(0)
    backbone = S3DG(stem_time_stride=stem_time_stride, in_channels=2, base_channels=4).eval()
    randomise_norms(backbone)
    clips = torch.randn(2, 2, 8, 34, 38)
    functions = Functions(backbone.state_dict(), eps=1e-3)
    with torch.no_grad():
        frame_step = 2 if stem_time_stride == 'spatial' else 1
        x = functions.separable(clips, 'stem', stride=2, frame_step=frame_step)
        x = functions.after_the_stem(x, pool_both_sides, gate_all=False)
        assert x.shape == (2, 64, 1, 1, 1)
        torch.testing.assert_close(backbone(clips), x, rtol=1e-4, atol=1e-4)


def test_video_paces_net_equals_the_same_net_written_as_functions():
    torch.manual_seed(0)
    backbone = S3DG(in_channels=2, base_channels=4, **PACE).eval()
    randomise_norms(backbone)
    clips = torch.randn(2, 2, 8, 32, 64)
    functions = Functions(backbone.state_dict(), eps=1e-5)
    with torch.no_grad():
        x = F.conv3d(clips, backbone.stem.conv.weight, stride=2, padding=(1, 3, 3))
        x = functions.bn_relu(x, 'stem')
        x = functions.after_the_stem(x, pool_far_side, gate_all=True)
        assert x.shape == (2, 64, 1, 1, 2)
        torch.testing.assert_close(backbone(clips), x, rtol=1e-4, atol=1e-4)


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(('settings', 'eps', 'momentum'), [(RSPNET, 1e-3, 0.001), (PACE, 1e-5, 0.1)])
def test_every_batch_norm_has_the_variants_settings(settings, eps, momentum):
    backbone = S3DG(base_channels=1, **settings)
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm3d)]
    # Two for each of 19 separable convolutions and one for each of 36 + 1 pointwise ones; the stem has two or one.
    assert len(norms) == 75 + (2 if settings is RSPNET else 1)
    assert {(norm.eps, norm.momentum) for norm in norms} == {(eps, momentum)}


@both_variants
def test_only_gates_have_a_bias(variant):
    modules = S3DG(base_channels=1, **variant).named_modules()
    with_bias = {
        name for name, module in modules if isinstance(module, (nn.Conv3d, nn.Linear)) and module.bias is not None
    }
    assert with_bias == {f'{name}.excitation' for name in gated_layers(**variant)}


@pytest.mark.parametrize(
    ('argument', 'value', 'message'),
    [
        ('stem_conv', 'factorised', "stem_conv must be one of 'separable', 'full', 'full_7x7x7', got 'factorised'"),
        ('stem_time_stride', 2, "stem_time_stride must be one of 'spatial', 'temporal', got 2"),
        ('gating', True, "gating must be one of 'conv', 'linear', None, got True"),
        ('pool_padding', 'same', "pool_padding must be one of 'both_sides', 'far_side', got 'same'"),
        ('bn_eps', 0, 'bn_eps must be positive'),
        ('bn_eps', -1e-3, 'bn_eps must be positive'),
        ('bn_momentum', 0, 'bn_momentum must be above 0 and at most 1'),
        ('bn_momentum', 1.5, 'bn_momentum must be above 0 and at most 1'),
    ],
)
def test_an_unusable_argument_is_refused_by_name(argument, value, message):
    with pytest.raises(ValueError, match=message):
        S3DG(**{argument: value})


# ------------------------------------------------------------------------------------ I3D, and nets without time strides
I3D = dict(stem_conv='full_7x7x7', block_conv='full', gating=None)


def test_with_full_convolutions_it_is_i3d_of_12_29_million_parameters():
    """Carreira's and Zisserman's net without its classifier."""
    with torch.device('meta'):
        net = S3DG(**I3D)
    assert count(net) == 12_287_264
    sizes = {tuple(module.kernel_size) for module in net.modules() if isinstance(module, nn.Conv3d)}
    assert sizes == {(7, 7, 7), (3, 3, 3), (1, 1, 1)}


@pytest.mark.parametrize('variant', [RSPNET, PACE, I3D], ids=['rspnet', 'pace', 'i3d'])
@pytest.mark.parametrize('frames', [8, 16, 64])
def test_without_strides_over_time_the_map_has_all_frames(variant, frames):
    shapes = shapes_of_stages((frames, 64, 64), time_strides=(1, 1, 1), **variant)
    assert [shape[1] for shape in shapes] == [frames] * 5
    assert [shape[2:] for shape in shapes] == [shape[2:] for shape in shapes_of_stages((frames, 64, 64), **variant)]


def test_speednets_map_is_1024_x_64_x_7_x_7():
    assert shapes_of_stages((64, 224, 224), time_strides=(1, 1, 1))[-1] == (1024, 64, 7, 7)


def test_strides_over_time_can_be_left_out_one_by_one():
    frames = [shape[1] for shape in shapes_of_stages((16, 64, 64), time_strides=(1, 2, 1))]
    assert frames == [16, 16, 16, 8, 8]
    with pytest.raises(ValueError, match='time_strides'):
        S3DG(time_strides=(1, 3, 1))


@both_variants
def test_a_net_without_strides_over_time_takes_the_weights_of_one_with_them(variant):
    strided, without = S3DG(base_channels=4, **variant), S3DG(base_channels=4, time_strides=(1, 1, 1), **variant)
    without.load_state_dict(strided.state_dict())
