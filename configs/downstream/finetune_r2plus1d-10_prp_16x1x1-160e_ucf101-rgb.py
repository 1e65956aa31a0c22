# As PRP's released code, which is VCOP's but for the schedule. It keeps the best epochs on 800 held-out videos (HMDB51: 400);
# here the last is tested.
_base_ = './finetune_r2plus1d-10_vcop_16x1x1-150e_ucf101-rgb.py'
param_scheduler = [dict(type='StepLR', step_size=100, gamma=0.1, by_epoch=True)]
train_cfg = dict(max_epochs=160)
