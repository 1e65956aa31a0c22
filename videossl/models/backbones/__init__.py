"""Networks from clips to feature maps."""

from videossl.models.backbones.base import Stage, VideoBackbone
from videossl.models.backbones.branched import BranchedBackbone
from videossl.models.backbones.c3d import C3D
from videossl.models.backbones.frame_nets import VGGM, CaffeNet
from videossl.models.backbones.r2plus1d import FactorizedConv3d, R2Plus1D
from videossl.models.backbones.r3d import R3D, full_conv3d
from videossl.models.backbones.residual import ResidualBlock
from videossl.models.backbones.resnet3d import ResNet3D
from videossl.models.backbones.s3dg import S3DG
from videossl.models.backbones.temporal_group_norm import TemporalGroupNorm, group_batch_norms
from videossl.models.backbones.torchvision_r2plus1d import TorchvisionR2Plus1D
from videossl.models.backbones.vit import ViT

__all__ = [
    'BranchedBackbone',
    'C3D',
    'CaffeNet',
    'FactorizedConv3d',
    'R2Plus1D',
    'R3D',
    'ResNet3D',
    'ResidualBlock',
    'S3DG',
    'Stage',
    'TemporalGroupNorm',
    'TorchvisionR2Plus1D',
    'VGGM',
    'ViT',
    'VideoBackbone',
    'full_conv3d',
    'group_batch_norms',
]
