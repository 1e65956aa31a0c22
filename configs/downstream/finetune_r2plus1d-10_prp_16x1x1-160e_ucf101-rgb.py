# As PRP's released code, which is VCOP's but for the schedule and the flip (the dataset of its first release flips, and so does a
# later copy of it). It keeps the best epochs on 800 held-out videos (HMDB51: 400);
# here the last is tested.
_base_ = './finetune_r2plus1d-10_vcop_16x1x1-150e_ucf101-rgb.py'
param_scheduler = [dict(type='StepLR', step_size=100, gamma=0.1, by_epoch=True)]
train_cfg = dict(max_epochs=160)
__flip = dict(_delete_=True, type='Flip', flip_ratio=0.5)
train_dataloader = dict(dataset=dict(pipeline=dict(clips=dict(transforms=dict(flip=__flip)))))
