# The ablation: classification of each clip by itself.
_base_ = './transrank_r3d-10_16x1x1-64px-20e_videos-rgb.py'
__label = dict(label='gt_transformation', num_classes=3)
__head = dict(type='ClipClassificationHead', in_channels=512, hidden_channels=512, init_cfg=None, **__label)
model = dict(heads=dict(_delete_=True, transformation=__head, rotation=_base_.model.heads.rotation))
