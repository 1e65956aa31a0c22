# The wiring is VCOP's, and so are optimiser, schedule and pixels, which are not known. The groups of four frames are a guess.
_base_ = [
    '../_base_/models/vcop.py',
    '../_base_/datasets/pace_order.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(temporal_groups=dict(clip_len=16, group_len=4)))
train_dataloader = dict(dataset=_base_.ucf101.train)
