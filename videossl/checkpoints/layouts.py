"""Names of the layers of other people's backbones, as functions from our names to theirs.

No released file was available. The names were read from the model definitions in the authors' repositories: VCOP's
(``models/r3d.py``), VideoPace's (``models/{c3d,r3d,r21d,s3d_g}.py``), auxSKD's (``VSPP/models/r21d.py``,
``auxSKD/train.py``), RSPNet's (``models/{c3d,r2plus1d_vcop,resnet,s3dg}.py``, ``moco/split_wrapper.py``), CtP's
(``pyvrl/models/backbones/r3d.py``), torchvision's (``models/video/resnet.py``), VideoMoCo's (``eval.py``), those of the
SEVERE benchmark (``action_recognition/backbones.py``, ``SlowFast-ssl-vssl/slowfast/models``), VideoMAE's
(``modeling_pretrain.py``, ``modeling_finetune.py``) and mmaction2's (``models/backbones/vit_mae.py``).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from videossl.errors import CheckpointError

RESIDUAL = re.compile(
    r'(?:stem|stage(?P<stage>\d)\.(?P<block>\d+))\.'
    r'(?P<layer>shortcut\.conv|shortcut\.bn|conv\d?|bn\d?)\.(?P<rest>.+)'
)
INCEPTION = re.compile(
    r'stage\d\.block(?P<block>\d\w)\.branch(?P<branch>\d)\.'
    r'(?P<unit>pointwise|reduce|separable\.spatial|separable\.temporal|separable\.gate|gate)\.(?P<rest>.+)'
)


@dataclass(frozen=True)
class Layout:
    """One way of naming the layers of one architecture.

    Attributes:
        name: of the layout, for messages.
        backbone: our class.
        signature: names, after a common prefix, that only files of this layout have together. The first is the stem's
            convolution, whose number of filters is the net's width.
        rename: from a name in our backbone's state dict to theirs.
        settings: our backbone's arguments that make it theirs.
        depths: our ``depth`` by the number of blocks in stage 1; empty where the net has one depth.
        read_settings: from a prefix and the weights of a file to further arguments of our backbone, the width included;
            None: the width alone, which is that of the first layer in ``signature``.
        bn_eps: epsilon of their batch norms, where it differs from ours.
        decisive: whether only one family of files has this layout.
    """

    name: str
    backbone: str
    signature: tuple[str, ...]
    rename: Callable[[str], str] = str
    settings: dict = field(default_factory=dict)
    depths: dict[int, int] = field(default_factory=dict)
    read_settings: Callable[[str, dict[str, Tensor]], dict] | None = None
    bn_eps: float | None = None
    decisive: bool = False

    def find_prefixes(self, weights: dict[str, Tensor]) -> list[str]:
        """The prefixes of the names of nets of this layout in a file, one for each net."""
        first = self.signature[0]
        prefixes = [
            name[: -len(first)]
            for name, value in weights.items()
            # A net of sound or images beside the video's has kernels without time.
            if (name == first or name.endswith(f'.{first}')) and value.ndim == 5
        ]
        return [prefix for prefix in prefixes if all(prefix + name in weights for name in self.signature)]


def vcop_residual(name: str) -> str:
    """R3D and R(2+1)D of VCOP, and so of VideoPace, auxSKD, VSPP and RSPNet.

    Example:
        >>> vcop_residual('stage2.0.shortcut.conv.weight')
        'conv3.block1.downsampleconv.temporal_spatial_conv.weight'
        >>> vcop_residual('stage1.1.conv2.bn.bias')
        'conv2.blocks.0.conv2.bn.bias'
    """
    stage, block, layer, rest = _residual_parts(name)
    place = ''
    if stage:
        place = f'conv{stage + 1}.' + ('block1.' if block == 0 else f'blocks.{block - 1}.')
    if 'conv' in layer:
        rest = (
            'temporal_spatial_conv.weight' if rest == 'weight' else re.sub(r'^(spatial|temporal)\.', r'\1_conv.', rest)
        )
    layer = {'conv': 'conv1', 'bn': 'bn1', 'shortcut.conv': 'downsampleconv', 'shortcut.bn': 'downsamplebn'}.get(
        layer, layer
    )
    return f'{place}{layer}.{rest}'


def vcop_c3d(name: str) -> str:
    """C3D of VCOP, VideoPace and RSPNet: flat, the batch norm named as its convolution.

    Example:
        >>> vcop_c3d('stage2.conv3b.bn.weight')
        'bn3b.weight'
    """
    name = name.replace('stem.', 'stage0.conv1.')
    _, conv, layer, rest = name.split('.', 3)
    return f'{layer}{conv.removeprefix("conv")}.{rest}'


def hara_resnet(name: str) -> str:
    """3D ResNet of Hara et al., RSPNet's "ResNet18": as torchvision names an image ResNet.

    Example:
        >>> hara_resnet('stage2.0.shortcut.bn.weight')
        'layer2.0.downsample.1.weight'
    """
    layers = {'conv': 'conv1', 'bn': 'bn1', 'shortcut.conv': 'downsample.0', 'shortcut.bn': 'downsample.1'}
    return _renamed_residual(name, layers, stem='')


def torchvision_residual(name: str) -> str:
    """torchvision's ``r3d_18``: numbered parts of sequences.

    Example:
        >>> torchvision_residual('stage1.1.bn2.weight')
        'layer1.1.conv2.1.weight'
    """
    layers = {'conv': '0', 'bn': '1', 'shortcut.conv': 'downsample.0', 'shortcut.bn': 'downsample.1'}
    layers |= {'conv1': 'conv1.0', 'bn1': 'conv1.1', 'conv2': 'conv2.0', 'bn2': 'conv2.1'}
    return _renamed_residual(name, layers)


def torchvision_r2plus1d(name: str) -> str:
    """torchvision's ``r2plus1d_18``: a factorised convolution is four numbered parts, the second of them the ReLU's.

    Example:
        >>> torchvision_r2plus1d('stage2.0.conv1.temporal.weight')
        'layer2.0.conv1.0.3.weight'
        >>> torchvision_r2plus1d('stem.bn.weight')
        'stem.4.weight'
    """
    stage, block, layer, rest = _residual_parts(name)
    if layer.startswith('conv'):
        part, rest = rest.split('.')
        rest = f'{dict(spatial=0, bn=1, temporal=3)[part]}.{rest}'
    if stage == 0:
        return f'stem.{rest}' if layer == 'conv' else f'stem.4.{rest}'
    layers = {'shortcut.conv': 'downsample.0', 'shortcut.bn': 'downsample.1'}
    layers |= {'conv1': 'conv1.0', 'bn1': 'conv1.1', 'conv2': 'conv2.0', 'bn2': 'conv2.1'}
    return f'layer{stage}.{block}.{layers[layer]}.{rest}'


def numbered_r2plus1d(name: str) -> str:
    """torchvision's ``r2plus1d_18`` as a sequence of its five stages.

    Example:
        >>> numbered_r2plus1d('stage2.0.bn1.weight')
        '2.0.conv1.1.weight'
    """
    return re.sub('^layer', '', re.sub('^stem', '0', torchvision_r2plus1d(name)))


def ctp_r2plus1d(name: str) -> str:
    """CtP's R(2+1)D.

    Example:
        >>> ctp_r2plus1d('stage1.0.conv1.bn.weight')
        'layer1.0.conv1.bn_s.weight'
        >>> ctp_r2plus1d('stem.bn.weight')
        'stem.bn_t.weight'
    """
    stage, block, layer, rest = _residual_parts(name)
    if layer.startswith('conv'):
        part, rest = rest.split('.')
        part = dict(spatial='conv_s', bn='bn_s', temporal='conv_t')[part]
        layer = part if stage == 0 else f'{layer}.{part}'
    layer = {'bn': 'bn_t', 'shortcut.conv': 'downsample.conv', 'shortcut.bn': 'downsample_bn'}.get(layer, layer)
    return f'stem.{layer}.{rest}' if stage == 0 else f'layer{stage}.{block}.{layer}.{rest}'


def stem_width(kernel: Tensor) -> dict:
    """The width of a convolutional net by the kernel of its stem."""
    return {} if len(kernel) == 64 else dict(base_channels=len(kernel))


def ctp_settings(prefix: str, weights: dict[str, Tensor]) -> dict:
    """Widths of CtP's R(2+1)D. In CtP's own files each convolution of a block has a middle width of its own. Others' have
    torchvision's."""
    names = (ctp_r2plus1d(f'stage2.0.conv{number}.spatial.weight') for number in (1, 2))
    first, second = (len(weights.get(prefix + name, ())) for name in names)
    middle = {} if first == second else dict(middle='convolution')
    return {**stem_width(weights[f'{prefix}stem.conv_t.weight']), **middle}


def ctp_residual(name: str) -> str:
    """CtP's R3D.

    Example:
        >>> ctp_residual('stage1.0.conv1.weight')
        'layer1.0.conv1.conv.weight'
    """
    layers = {
        'conv1': 'conv1.conv',
        'conv2': 'conv2.conv',
        'shortcut.conv': 'downsample.conv',
        'shortcut.bn': 'downsample_bn',
    }
    return _renamed_residual(name, layers)


def videomae_vit(name: str) -> str:
    """ViT of VideoMAE: blocks counted through, timm's names in them.

    Example:
        >>> videomae_vit('stage2.block3.mlp.layers.0.0.weight')
        'blocks.3.mlp.fc1.weight'
        >>> videomae_vit('stage4.norm.weight')
        'norm.weight'
    """
    name = mmaction_vit(name).replace('.projection.', '.proj.')
    return name.replace('.mlp.layers.0.0.', '.mlp.fc1.').replace('.mlp.layers.1.', '.mlp.fc2.')


def mmaction_vit(name: str) -> str:
    """ViT of mmaction2, whose blocks are ours.

    Example:
        >>> mmaction_vit('stem.conv.bias'), mmaction_vit('stage2.block3.attn.q_bias')
        ('patch_embed.projection.bias', 'blocks.3.attn.q_bias')
    """
    name = re.sub(r'^stage\d\.(?:block(\d+)\.)?', lambda match: f'blocks.{match[1]}.' if match[1] else '', name)
    return name.replace('stem.conv.', 'patch_embed.projection.')


def vit_settings(prefix: str, weights: dict[str, Tensor]) -> dict:
    """Heads, width, depth and cubes of a ViT.

    Raises:
        CheckpointError: the number of heads, which no weight shows, is not known for its width.
    """
    kernels = (weights.get(f'{prefix}patch_embed.{name}.weight') for name in ('proj', 'projection'))
    kernel = next(kernel for kernel in kernels if kernel is not None)
    width = kernel.shape[0]
    if width not in VIT_HEADS:
        raise CheckpointError(f'ViT of width {width}; the widths with a known number of heads are {list(VIT_HEADS)}')
    blocks = re.compile(re.escape(prefix) + r'blocks\.\d+\.attn\.q_bias')
    settings = dict(num_heads=VIT_HEADS[width], depth=sum(map(bool, map(blocks.fullmatch, weights))))
    if width != 64 * VIT_HEADS[width]:
        settings['base_channels'] = width // VIT_HEADS[width]
    return dict(settings, tubelet_size=kernel.shape[2], patch_size=kernel.shape[-1])


def rspnet_s3dg(name: str) -> str:
    """S3D-G of RSPNet.

    Example:
        >>> rspnet_s3dg('stage3.block4b.branch1.separable.temporal.bn.weight')
        'feature.sepInc_4b.branch1.1.sep_conv.1.bn.weight'
    """
    match = INCEPTION.match(name)
    if match is None:
        if name.startswith('stage1.conv2b.'):
            return 'feature.basicConv3d.' + _conv3d(name.removeprefix('stage1.conv2b.'))
        place, rest = (
            ('sepConv1', name.removeprefix('stem.'))
            if name.startswith('stem.')
            else ('sep_conv2', name.removeprefix('stage1.conv2c.'))
        )
        unit, rest = rest.split('.', 1)
    else:
        place = f'sepInc_{match["block"]}.branch{match["branch"]}'
        unit, rest = match['unit'].removeprefix('separable.'), match['rest']
        if unit == 'pointwise':  # behind the pooling in branch 3
            return f'feature.{place}{".1" if match["branch"] == "3" else ""}.{_conv3d(rest)}'
        if unit == 'reduce':
            return f'feature.{place}.0.{_conv3d(rest)}'
        place += '.1'
    if unit == 'gate':
        return f'feature.{place}.{rest}'
    return f'feature.{place}.sep_conv.{("spatial", "temporal").index(unit)}.{_conv3d(rest)}'


def pace_s3dg(name: str) -> str:
    """S3D-G of VideoPace, which is HowTo100M's.

    Example:
        >>> pace_s3dg('stage3.block4b.branch1.separable.temporal.bn.weight')
        'mixed_4b.conv_b1_b.bn2.weight'
    """
    match = INCEPTION.match(name)
    if match is None:
        place, unit, rest = _pace_outside_blocks(name)
        if unit == 'gate':
            return f'gating.{rest.replace("excitation.", "fc.")}'
    else:
        unit, rest, branch = match['unit'].removeprefix('separable.'), match['rest'], match['branch']
        if unit == 'gate':
            return f'mixed_{match["block"]}.gating_b{branch}.{rest.replace("excitation.", "fc.")}'
        last = {'pointwise': {'0': '', '3': '_b'}.get(branch), 'reduce': '_a'}.get(unit, '_b')
        place = f'mixed_{match["block"]}.conv_b{branch}{last}'
    layer, rest = rest.split('.', 1)
    return f'{place}.{layer}{2 if unit == "temporal" else 1}.{rest}'


def _pace_outside_blocks(name: str) -> tuple[str, str, str]:
    """Place, unit and rest of a name of the stem or of stage 1."""
    if name.startswith('stem.'):
        return 'conv1', '', name.removeprefix('stem.')
    if name.startswith('stage1.conv2b.'):
        return 'conv_2b', '', name.removeprefix('stage1.conv2b.')
    unit, rest = name.removeprefix('stage1.conv2c.').split('.', 1)
    return 'conv_2c', unit, rest


def _conv3d(rest: str) -> str:
    return re.sub(r'^conv\.', 'conv3d.', rest)


def _residual_parts(name: str) -> tuple[int, int, str, str]:
    """Stage (0: the stem), block, layer and rest of a name."""
    match = RESIDUAL.fullmatch(name)
    if match is None:
        raise ValueError(f'{name} is not a name of a residual net of ours')
    return int(match['stage'] or 0), int(match['block'] or 0), match['layer'], match['rest']


def _renamed_residual(name: str, layers: dict[str, str], stem: str = 'stem.') -> str:
    """The name in a net whose blocks are called ``layerSTAGE.BLOCK.``; ``layers`` renames the layers in a block."""
    stage, block, layer, rest = _residual_parts(name)
    place = stem if stage == 0 else f'layer{stage}.{block}.'
    return f'{place}{layers.get(layer, layer)}.{rest}'


VIT_HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}  # by width: Ti, S, B, L, H
VIT_BLOCK = 'blocks.0.attn.q_bias'
LAYERS_10_18 = {1: 10, 2: 18}

LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            'vcop-r3d',
            'R3D',
            ('conv1.temporal_spatial_conv.weight', 'conv2.block1.conv1.temporal_spatial_conv.weight'),
            vcop_residual,
            depths=LAYERS_10_18,
        ),
        Layout(
            'vcop-r2plus1d',
            'R2Plus1D',
            ('conv1.temporal_conv.weight', 'conv1.spatial_conv.weight', 'conv2.block1.conv1.spatial_conv.weight'),
            vcop_residual,
            depths=LAYERS_10_18,
        ),
        Layout('vcop-c3d', 'C3D', ('conv1.weight', 'conv3a.weight'), vcop_c3d),
        Layout(
            'hara-resnet3d',
            'ResNet3D',
            ('conv1.weight', 'layer1.0.conv1.weight'),
            hara_resnet,
            depths={1: 10, 2: 18, 3: 34},
        ),
        Layout(
            'rspnet-s3dg',
            'S3DG',
            ('feature.sepConv1.sep_conv.0.conv3d.weight', 'feature.sepInc_3b.branch0.conv3d.weight'),
            rspnet_s3dg,
            decisive=True,
        ),
        Layout(
            'pace-s3dg',
            'S3DG',
            ('conv1.conv1.weight', 'mixed_3b.conv_b0.conv1.weight'),
            pace_s3dg,
            settings=dict(stem_conv='full', gating='linear', pool_padding='far_side', bn_eps=1e-5, bn_momentum=0.1),
            decisive=True,
        ),
        Layout(
            'torchvision-r3d',
            'R3D',
            ('stem.0.weight', 'layer1.0.conv1.0.weight'),
            torchvision_residual,
            depths=LAYERS_10_18,
            decisive=True,
        ),
        Layout(
            'torchvision-r2plus1d',
            'TorchvisionR2Plus1D',
            ('stem.3.weight', 'stem.0.weight', 'layer1.0.conv1.0.0.weight'),
            torchvision_r2plus1d,
            depths=LAYERS_10_18,
            decisive=True,
        ),
        Layout(
            'numbered-r2plus1d',
            'TorchvisionR2Plus1D',
            ('0.3.weight', '0.0.weight', '1.0.conv1.0.0.weight'),
            numbered_r2plus1d,
            depths=LAYERS_10_18,
            decisive=True,
        ),
        Layout(
            'ctp-r3d',
            'R3D',
            ('stem.conv.weight', 'layer1.0.conv1.conv.weight'),
            ctp_residual,
            depths=LAYERS_10_18,
            bn_eps=1e-3,
            decisive=True,
        ),
        Layout(
            'ctp-r2plus1d',
            'TorchvisionR2Plus1D',
            ('stem.conv_t.weight', 'stem.conv_s.weight', 'layer1.0.conv1.conv_s.weight'),
            ctp_r2plus1d,
            depths=LAYERS_10_18,
            bn_eps=1e-3,
            decisive=True,
            read_settings=ctp_settings,
        ),
        Layout(
            'videomae-pretrained',
            'ViT',
            ('patch_embed.proj.weight', VIT_BLOCK, 'norm.weight'),
            videomae_vit,
            read_settings=vit_settings,
            decisive=True,
        ),
        # A fine-tuned net has its last norm behind the mean over the tokens, which is not part of the backbone.
        *(
            Layout(
                name,
                'ViT',
                (embedding, VIT_BLOCK, 'fc_norm.weight'),
                rename,
                settings=dict(final_norm=False),
                read_settings=vit_settings,
                decisive=True,
            )
            for name, embedding, rename in (
                ('videomae-finetuned', 'patch_embed.proj.weight', videomae_vit),
                ('mmaction-vit', 'patch_embed.projection.weight', mmaction_vit),
            )
        ),
    )
}
