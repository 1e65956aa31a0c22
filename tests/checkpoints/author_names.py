"""Checkpoints in the authors' formats, made from nets of ours.

The tables run from the authors' modules to ours, were written from the authors' model definitions, and share nothing with
:mod:`videossl.checkpoints.layouts`.
"""

import torch
from torch import Tensor, nn

from videossl.models import C3D, R3D, S3DG, R2Plus1D, ResNet3D, TorchvisionR2Plus1D, ViT

CONV = ['weight']
CONV_BIAS = LINEAR = ['weight', 'bias']
NORM = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']


def full(theirs, ours):
    return [(f'{theirs}.temporal_spatial_conv', ours, CONV)]


def factorised(theirs, ours):
    return [
        (f'{theirs}.spatial_conv', f'{ours}.spatial', CONV),
        (f'{theirs}.bn', f'{ours}.bn', NORM),
        (f'{theirs}.temporal_conv', f'{ours}.temporal', CONV),
    ]


def vcop(conv, num_blocks):
    rows = [*conv('conv1', 'stem.conv'), ('bn1', 'stem.bn', NORM)]
    for stage in (2, 3, 4, 5):
        for block in range(num_blocks):
            theirs = f'conv{stage}.block1' if block == 0 else f'conv{stage}.blocks.{block - 1}'
            ours = f'stage{stage - 1}.{block}'
            if stage > 2 and block == 0:
                rows += conv(f'{theirs}.downsampleconv', f'{ours}.shortcut.conv')
                rows += [(f'{theirs}.downsamplebn', f'{ours}.shortcut.bn', NORM)]
            for number in '12':
                rows += conv(f'{theirs}.conv{number}', f'{ours}.conv{number}')
                rows += [(f'{theirs}.bn{number}', f'{ours}.bn{number}', NORM)]
    return rows


def c3d():
    rows = []
    for name, ours in (
        ('1', 'stem'),
        ('2', 'stage1.conv2'),
        ('3a', 'stage2.conv3a'),
        ('3b', 'stage2.conv3b'),
        ('4a', 'stage3.conv4a'),
        ('4b', 'stage3.conv4b'),
        ('5a', 'stage4.conv5a'),
        ('5b', 'stage4.conv5b'),
    ):
        rows += [(f'conv{name}', f'{ours}.conv', CONV_BIAS), (f'bn{name}', f'{ours}.bn', NORM)]
    return rows


def layered(stem_conv, stem_bn, names, num_blocks):
    """``names``: of conv1, bn1, conv2, bn2, the shortcut's convolution and its norm inside a block."""
    rows = [(stem_conv, 'stem.conv', CONV), (stem_bn, 'stem.bn', NORM)]
    for stage in (1, 2, 3, 4):
        for block in range(num_blocks):
            ours = ['conv1', 'bn1', 'conv2', 'bn2', 'shortcut.conv', 'shortcut.bn']
            for theirs, our in list(zip(names, ours))[: 6 if stage > 1 and block == 0 else 4]:
                rows.append(
                    (f'layer{stage}.{block}.{theirs}', f'stage{stage}.{block}.{our}', CONV if 'conv' in our else NORM)
                )
    return rows


def hara():
    return layered('conv1', 'bn1', ['conv1', 'bn1', 'conv2', 'bn2', 'downsample.0', 'downsample.1'], 2)


def torchvision():
    return layered('stem.0', 'stem.1', ['conv1.0', 'conv1.1', 'conv2.0', 'conv2.1', 'downsample.0', 'downsample.1'], 2)


def ctp():
    return layered(
        'stem.conv', 'stem.bn', ['conv1.conv', 'bn1', 'conv2.conv', 'bn2', 'downsample.conv', 'downsample_bn'], 2
    )


def split(stem, stem_bn, stage, names):
    """R(2+1)D-18 with plain shortcuts. ``stem``: of its two convolutions and the norm between; ``names``: of the spatial
    convolution, norm and temporal one of a block's convolution, of the norms behind both, and of the shortcut's two."""
    parts = [('spatial', CONV), ('bn', NORM), ('temporal', CONV)]
    rows = [(theirs, f'stem.conv.{ours}', kind) for theirs, (ours, kind) in zip(stem, parts)]
    rows += [(stem_bn, 'stem.bn', NORM)]
    for number, block in [(number, block) for number in (1, 2, 3, 4) for block in (0, 1)]:
        theirs, ours = f'{stage}{number}.{block}', f'stage{number}.{block}'
        for conv in '12':
            rows += [
                (f'{theirs}.conv{conv}.{name}', f'{ours}.conv{conv}.{part}', kind)
                for name, (part, kind) in zip(names[:3], parts)
            ]
            rows += [(f'{theirs}.{names[3].format(conv)}', f'{ours}.bn{conv}', NORM)]
        if number > 1 and block == 0:
            rows += [(f'{theirs}.{names[4]}', f'{ours}.shortcut.conv', CONV)]
            rows += [(f'{theirs}.{names[5]}', f'{ours}.shortcut.bn', NORM)]
    return rows


TORCHVISION = ['0.0', '0.1', '0.3', 'conv{}.1', 'downsample.0', 'downsample.1']
CTP = ['conv_s', 'bn_s', 'conv_t', 'bn{}', 'downsample.conv', 'downsample_bn']


def torchvision_r2plus1d():
    return split(['stem.0', 'stem.1', 'stem.3'], 'stem.4', 'layer', TORCHVISION)


def numbered_r2plus1d():
    return split(['0.0', '0.1', '0.3'], '0.4', '', TORCHVISION)


def ctp_r2plus1d():
    return split(['stem.conv_s', 'stem.bn_s', 'stem.conv_t'], 'stem.bn_t', 'layer', CTP)


BLOCKS = {'3b': 2, '3c': 2, '4b': 3, '4c': 3, '4d': 3, '4e': 3, '4f': 3, '5b': 4, '5c': 4}  # and our stage


def rspnet_s3dg():
    def unit(theirs, ours):
        return [(f'{theirs}.conv3d', f'{ours}.conv', CONV), (f'{theirs}.bn', f'{ours}.bn', NORM)]

    def separable(theirs, ours):
        return [
            *unit(f'{theirs}.sep_conv.0', f'{ours}.spatial'),
            *unit(f'{theirs}.sep_conv.1', f'{ours}.temporal'),
            (f'{theirs}.excitation', f'{ours}.gate.excitation', CONV_BIAS),
        ]

    rows = separable('feature.sepConv1', 'stem') + unit('feature.basicConv3d', 'stage1.conv2b')
    rows += separable('feature.sep_conv2', 'stage1.conv2c')
    for block, stage in BLOCKS.items():
        theirs, ours = f'feature.sepInc_{block}', f'stage{stage}.block{block}'
        rows += unit(f'{theirs}.branch0', f'{ours}.branch0.pointwise')
        for branch in ('branch1', 'branch2'):
            rows += unit(f'{theirs}.{branch}.0', f'{ours}.{branch}.reduce')
            rows += separable(f'{theirs}.{branch}.1', f'{ours}.{branch}.separable')
        rows += unit(f'{theirs}.branch3.1', f'{ours}.branch3.pointwise')
    return rows


def pace_s3dg():
    def unit(theirs, ours, number='1'):
        return [(f'{theirs}.conv{number}', f'{ours}.conv', CONV), (f'{theirs}.bn{number}', f'{ours}.bn', NORM)]

    def separable(theirs, ours):
        return unit(theirs, f'{ours}.spatial') + unit(theirs, f'{ours}.temporal', '2')

    rows = unit('conv1', 'stem') + unit('conv_2b', 'stage1.conv2b') + separable('conv_2c', 'stage1.conv2c')
    rows += [('gating.fc', 'stage1.conv2c.gate.excitation', LINEAR)]
    for block, stage in BLOCKS.items():
        theirs, ours = f'mixed_{block}', f'stage{stage}.block{block}'
        rows += unit(f'{theirs}.conv_b0', f'{ours}.branch0.pointwise')
        rows += [(f'{theirs}.gating_b0.fc', f'{ours}.branch0.gate.excitation', LINEAR)]
        for branch in '12':
            rows += unit(f'{theirs}.conv_b{branch}_a', f'{ours}.branch{branch}.reduce')
            rows += separable(f'{theirs}.conv_b{branch}_b', f'{ours}.branch{branch}.separable')
            rows += [(f'{theirs}.gating_b{branch}.fc', f'{ours}.branch{branch}.separable.gate.excitation', LINEAR)]
        rows += unit(f'{theirs}.conv_b3_b', f'{ours}.branch3.pointwise')
        rows += [(f'{theirs}.gating_b3.fc', f'{ours}.branch3.gate.excitation', LINEAR)]
    return rows


TORCHVISION_18 = 'torchvision-r2plus1d-18'


def vit(embedding, first_layer, second_layer, norm):
    rows = [(f'patch_embed.{embedding}', 'stem.conv', CONV_BIAS)]
    for index in range(4):
        theirs, ours = f'blocks.{index}', f'stage{index + 1}.block{index}'
        for name in ('norm1', 'norm2', 'attn.proj'):
            rows.append((f'{theirs}.{name}', f'{ours}.{name}', LINEAR))
        rows += [(f'{theirs}.attn', f'{ours}.attn', ['q_bias', 'v_bias', 'qkv.weight'])]
        rows += [(f'{theirs}.mlp.{first_layer}', f'{ours}.mlp.layers.0.0', LINEAR)]
        rows += [(f'{theirs}.mlp.{second_layer}', f'{ours}.mlp.layers.1', LINEAR)]
    return rows + ([('norm', 'stage4.norm', LINEAR)] if norm else [])


# Our net, and the table. A fine-tuned net's last norm is behind the mean of its tokens, and is not ours.
VITS = {
    'videomae-pretrained': (dict(num_heads=3), vit('proj', 'fc1', 'fc2', True)),
    'videomae-finetuned': (dict(num_heads=3, final_norm=False), vit('proj', 'fc1', 'fc2', False)),
    'mmaction-vit': (dict(num_heads=3, final_norm=False), vit('projection', 'layers.0.0', 'layers.1', False)),
}
SMALL_VIT = dict(depth=4, patch_size=8)


def build_vit(kind: str) -> ViT:
    return lively(ViT(**SMALL_VIT, **VITS[kind][0]))


# The name that --backbone knows; a narrow net of ours; the table.
NETS = {
    'vcop-r3d-10': ('r3d-10', lambda: R3D(10, base_channels=4), vcop(full, 1)),
    'vcop-r3d-18': ('r3d-18', lambda: R3D(18, base_channels=4), vcop(full, 2)),
    'vcop-r2plus1d-10': ('r2plus1d-10', lambda: R2Plus1D(10, base_channels=4), vcop(factorised, 1)),
    'vcop-r2plus1d-18': ('r2plus1d-18', lambda: R2Plus1D(18, base_channels=4), vcop(factorised, 2)),
    'vcop-c3d': ('c3d', lambda: C3D(base_channels=4), c3d()),
    'hara': ('resnet3d-18', lambda: ResNet3D(18, base_channels=4), hara()),
    'rspnet-s3dg': ('s3dg', lambda: S3DG(base_channels=4), rspnet_s3dg()),
    'pace-s3dg': (
        's3dg',
        lambda: S3DG('full', gating='linear', pool_padding='far_side', bn_eps=1e-5, bn_momentum=0.1, base_channels=4),
        pace_s3dg(),
    ),
    'torchvision-r3d': ('r3d-18', lambda: R3D(18, base_channels=4), torchvision()),
    'ctp-r3d': ('r3d-18', lambda: R3D(18, base_channels=4), ctp()),
    'torchvision-r2plus1d': (TORCHVISION_18, lambda: TorchvisionR2Plus1D(base_channels=4), torchvision_r2plus1d()),
    'numbered-r2plus1d': (TORCHVISION_18, lambda: TorchvisionR2Plus1D(base_channels=4), numbered_r2plus1d()),
    'ctp-r2plus1d': (
        TORCHVISION_18,
        lambda: TorchvisionR2Plus1D(base_channels=4, middle='convolution'),
        ctp_r2plus1d(),
    ),
    'severe-ctp-r2plus1d': (TORCHVISION_18, lambda: TorchvisionR2Plus1D(base_channels=4), ctp_r2plus1d()),
}


def lively(net: nn.Module, seed: int = 0) -> nn.Module:
    """The net with batch norms that have seen something, so that every tensor shows in the features."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                noise = torch.randn(value.shape, generator=generator)
                if name.endswith('running_var'):
                    value.copy_(noise.abs() + 0.2)
                elif value.ndim == 1:
                    value.copy_(1 + 0.3 * noise if name.endswith('weight') else 0.3 * noise)
                else:
                    value.copy_(noise / value[0].numel() ** 0.5 * 1.4)
            else:
                value.fill_(7)
    return net.eval()


def features(net: nn.Module) -> Tensor:
    clips = torch.randn(2, 3, 8, 40, 40, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return net.eval()(clips)


def as_authors(net: nn.Module, table, prefix: str = '') -> dict[str, Tensor]:
    """The net's weights under the authors' names; every one of ours is in the table exactly once."""
    ours = net.state_dict()
    names = {f'{prefix}{theirs}.{part}': f'{our}.{part}' for theirs, our, parts in table for part in parts}
    assert sorted(names.values()) == sorted(ours)
    return {theirs: ours[our].clone() for theirs, our in names.items()}
