# Each video once an epoch, not ten times as in the auxSKD paper's own stages: neither VCOP's paper nor its code repeats
# the list, which is why it needs 300 epochs.
_base_ = ['./clip_order.py', './ucf101.py']
train_dataloader = dict(
    dataset=dict(data_root=_base_.data_root, data_prefix=_base_.data_prefix, ann_file=_base_.ann_file_train)
)
