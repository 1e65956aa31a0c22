_base_ = [
    '../_base_/models/recognizer_rspnet.py',
    '../_base_/datasets/classification_rspnet_s3dg.py',
    '../_base_/datasets/hmdb51.py',
    '../_base_/schedules/sgd_50e_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(_delete_=True, type='S3DG'), cls_head=dict(in_channels=1024, num_classes=51))
optim_wrapper = dict(optimizer=dict(lr=5e-3))
train_dataloader = dict(
    dataset=dict(data_root=_base_.data_root, data_prefix=_base_.data_prefix, ann_file=_base_.ann_file_train)
)
test_dataloader = dict(
    dataset=dict(data_root=_base_.data_root, data_prefix=_base_.data_prefix, ann_file=_base_.ann_file_test)
)
