# MoCo on clips: the baseline of the decay.
_base_ = './video-moco_r3d-18_without-generator_32x1x1-200e_k400-rgb.py'
model = dict(heads=dict(video=dict(decay=1.0)))
