# Each video once an epoch, not ten times as in the auxSKD paper's own stages: neither VCOP's paper nor its code repeats
# the list, which is why it needs 300 epochs.
_base_ = [
    '../_base_/models/vcop.py',
    '../_base_/datasets/clip_order.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=_base_.ucf101.train)
