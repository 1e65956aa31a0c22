# 114 epochs of ten draws are the released code's 170,000 iterations of 64 tuples; the rate falls at 130,000.
_base_ = [
    '../_base_/models/opn.py',
    '../_base_/datasets/frame_order.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=1e-2))
param_scheduler = [dict(type='MultiStepLR', milestones=[87], gamma=0.1, by_epoch=True)]
train_cfg = dict(max_epochs=114)
train_dataloader = dict(dataset=_base_.ucf101.train)
