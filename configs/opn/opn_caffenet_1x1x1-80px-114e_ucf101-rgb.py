# 114 epochs of ten draws are the released code's 170,000 iterations of 64 tuples; the rate falls at 130,000.
_base_ = [
    '../_base_/models/opn.py',
    '../_base_/datasets/frame_order.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
# The rest is of the released code, but that its last layer's biases are not set apart.
model = dict(heads=dict(order=dict(init_cfg=dict(type='Normal', layer='Linear', std=0.005, bias=1))))
optim_wrapper = dict(optimizer=dict(lr=1e-2), paramwise_cfg=dict(bias_lr_mult=2, bias_decay_mult=0))
param_scheduler = [dict(type='MultiStepLR', milestones=[87], gamma=0.1, by_epoch=True)]
train_cfg = dict(max_epochs=114)
train_dataloader = dict(dataset=_base_.ucf101.train)
