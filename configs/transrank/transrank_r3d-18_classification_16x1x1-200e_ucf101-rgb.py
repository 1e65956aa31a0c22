# The ablation: each clip's transformation is classified by itself instead of ranked among the clips of its video.
_base_ = './transrank_r3d-18_16x1x1-200e_ucf101-rgb.py'
__label = dict(label='gt_transformation', num_classes=3)
__head = dict(type='ClipClassificationHead', in_channels=512, hidden_channels=512, init_cfg=None, **__label)
model = dict(heads=dict(_delete_=True, transformation=__head, rotation=_base_.model.heads.rotation))
