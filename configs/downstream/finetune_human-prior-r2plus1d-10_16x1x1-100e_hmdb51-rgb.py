# Both branches are fine-tuned; the classifier sees their maps side by side.
_base_ = './finetune_r2plus1d-10_rspnet_16x1x1-100e_hmdb51-rgb.py'
model = dict(
    backbone=dict(_delete_=True, type='BranchedBackbone', backbone=dict(type='R2Plus1D', depth=10)),
    cls_head=dict(in_channels=1024),
)
