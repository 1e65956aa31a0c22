"""Networks from clips to feature maps."""
from videossl.models.backbones.base import Stage, VideoBackbone
from videossl.models.backbones.c3d import C3D
from videossl.models.backbones.r2plus1d import FactorizedConv3d, R2Plus1D
from videossl.models.backbones.r3d import R3D

__all__ = ['C3D', 'FactorizedConv3d', 'R2Plus1D', 'R3D', 'Stage', 'VideoBackbone']
