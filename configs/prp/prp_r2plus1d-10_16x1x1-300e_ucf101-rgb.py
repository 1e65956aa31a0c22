# The released code's numbers, but one learning rate throughout: its code lowers the rate when the loss on 800 held-out videos
# stops falling, and keeps the epoch where that is lowest. Here the last is kept.
_base_ = [
    '../_base_/models/prp.py',
    '../_base_/datasets/playback_rate.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(
    optimizer=dict(lr=1e-2), paramwise_cfg=dict(custom_keys={'heads.rate.classifier': dict(lr_mult=10)})
)
train_dataloader = dict(dataset=_base_.ucf101.train)
