# 134 epochs of ten draws are the released code's 100,000 iterations of 128 tuples; the rate falls at 80,000.
_base_ = [
    '../_base_/models/shuffle_and_learn.py',
    '../_base_/datasets/frame_tuple.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=2, bias_decay_mult=0))  # of the released code
param_scheduler = [dict(type='MultiStepLR', milestones=[107], gamma=0.1, by_epoch=True)]
train_cfg = dict(max_epochs=134)
train_dataloader = dict(dataset=_base_.ucf101.train)
