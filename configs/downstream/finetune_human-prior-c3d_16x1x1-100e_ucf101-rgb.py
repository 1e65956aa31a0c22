# Both branches are fine-tuned; the classifier sees their maps side by side.
_base_ = './finetune_c3d_rspnet_16x1x1-100e_ucf101-rgb.py'
model = dict(
    backbone=dict(_delete_=True, type='BranchedBackbone', backbone=dict(type='C3D')), cls_head=dict(in_channels=1024)
)
