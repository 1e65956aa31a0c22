_base_ = ['./relative_speed.py', './kinetics100.py']
train_dataloader = dict(
    dataset=dict(data_root=_base_.data_root, data_prefix=_base_.data_prefix, ann_file=_base_.ann_file_train)
)
