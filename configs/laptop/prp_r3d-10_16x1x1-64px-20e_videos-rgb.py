_base_ = [
    '../_base_/models/prp.py',
    '../_base_/datasets/playback_rate.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# ImageNet's mean and standard deviation, as the laptop's fine-tuning; targets are in 0..1 whatever these are.
model = dict(data_preprocessor=dict(_delete_=True, type='ClipDataPreprocessor'), backbone=dict(type='R3D'))
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'heads.rate.classifier': dict(lr_mult=10)}))
train_dataloader = dict(_base_.small_clips, batch_size=16)
