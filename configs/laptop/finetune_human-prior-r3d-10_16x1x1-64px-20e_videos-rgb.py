_base_ = './finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(
    backbone=dict(_delete_=True, type='BranchedBackbone', backbone=dict(type='R3D', depth=10)),
    cls_head=dict(in_channels=1024),
)
