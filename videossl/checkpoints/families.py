"""Families of released files: the nets in them, the pixels that these nets expect, and the terms of use."""

from dataclasses import dataclass, field

from torch import Tensor

BGR_0_TO_255 = dict(type='videossl.ClipDataPreprocessor', mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0], to_bgr=True)
RGB_0_TO_1 = dict(type='videossl.ClipDataPreprocessor', mean=[0.0, 0.0, 0.0], std=[255.0, 255.0, 255.0])
RGB_IMAGENET = dict(type='videossl.ClipDataPreprocessor')
# torchvision's statistics of Kinetics-400, times 255.
RGB_KINETICS = dict(
    type='videossl.ClipDataPreprocessor', mean=[110.2008, 100.63983, 95.99475], std=[58.14765, 56.46975, 55.332195]
)

NO_LICENCE = (
    '{name} was released without a licence: the rights are with its authors. Ask them before you pass these weights on'
)


@dataclass(frozen=True)
class Family:
    """The files of one piece of released code.

    Attributes:
        layouts: names of the :class:`~videossl.checkpoints.layouts.Layout` that its files have.
        data_preprocessor: config of ours that gives the net the pixels it was trained on.
        licence: a note that is stored with the weights.
    """

    layouts: tuple[str, ...]
    data_preprocessor: dict = field(repr=False)
    licence: str = field(repr=False)


FAMILIES = {
    'auxskd': Family(('vcop-r2plus1d', 'vcop-r3d'), BGR_0_TO_255, NO_LICENCE.format(name='auxSKD')),
    'vspp': Family(
        ('vcop-r2plus1d', 'vcop-r3d', 'vcop-c3d', 'pace-s3dg'), BGR_0_TO_255, NO_LICENCE.format(name='VSPP (in auxSKD)')
    ),
    'video-pace': Family(
        ('vcop-c3d', 'vcop-r3d', 'vcop-r2plus1d', 'pace-s3dg'), BGR_0_TO_255, NO_LICENCE.format(name='VideoPace')
    ),
    'vcop': Family(('vcop-c3d', 'vcop-r3d', 'vcop-r2plus1d'), RGB_0_TO_1, NO_LICENCE.format(name='VCOP')),
    'rspnet': Family(
        ('vcop-c3d', 'vcop-r2plus1d', 'hara-resnet3d', 'rspnet-s3dg'), RGB_IMAGENET, NO_LICENCE.format(name='RSPNet')
    ),
    'ctp': Family(('ctp-r3d', 'ctp-r2plus1d'), RGB_IMAGENET, 'CtP: MIT licence, Microsoft Corporation'),
    'torchvision': Family(
        ('torchvision-r3d', 'torchvision-r2plus1d'),
        RGB_KINETICS,
        'torchvision: BSD 3-Clause; the terms of Kinetics-400 apply to what was trained on it',
    ),
    'video-moco': Family(
        ('torchvision-r2plus1d', 'torchvision-r3d'), RGB_IMAGENET, NO_LICENCE.format(name='VideoMoCo')
    ),
    # The pixels are those on which the benchmark compares the nets.
    'severe': Family(
        ('torchvision-r2plus1d', 'numbered-r2plus1d', 'ctp-r2plus1d'),
        RGB_IMAGENET,
        "SEVERE: weights of other authors' methods, whose terms apply. Ask them before you pass these weights on",
    ),
    'videomae': Family(
        ('videomae-pretrained', 'videomae-finetuned', 'mmaction-vit'),
        RGB_IMAGENET,
        'VideoMAE: CC BY-NC 4.0, not for commercial use; VideoMAE V2: MIT; files of mmaction2: Apache 2.0',
    ),
}


def evident_family(layout: str, prefix: str, weights: dict[str, Tensor]) -> tuple[str, str] | None:
    """The family that a file certainly belongs to, and the evidence; None: there is no evidence.

    Args:
        layout: name of the net's layout.
        prefix: what the net's names begin with.
        weights: all weights of the file.
    """
    if layout.startswith('torchvision') and 'encoder_' in prefix:
        return 'video-moco', f'the names that begin with {prefix}'
    if layout.startswith('numbered') or layout.startswith('torchvision') and 'video_' in prefix:
        return 'severe', f'the names that begin with {prefix}'
    if layout.startswith(('ctp', 'torchvision')):
        return layout.split('-')[0], 'the names of its layers'
    if prefix.endswith(('encoder_q.encoder.', 'encoder_k.encoder.')):
        return 'rspnet', f'the names that begin with {prefix}'
    if prefix.endswith('base_network.'):
        return 'vcop', f'the names that begin with {prefix}'
    if layout.startswith('vcop') and ('encoder_q.' in prefix or 'encoder_k.' in prefix):
        return 'auxskd', f'the names that begin with {prefix}'
    if f'{prefix}linear_segment.weight' in weights:
        return 'vspp', 'its layer linear_segment'
    return None
