_base_ = ['./clip_order.py', './kinetics400.py']
train_dataloader = dict(
    dataset=dict(data_root=_base_.data_root, data_prefix=_base_.data_prefix, ann_file=_base_.ann_file_train)
)
