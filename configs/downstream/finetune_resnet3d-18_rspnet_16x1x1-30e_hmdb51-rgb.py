# The batch: 64 on each of 2 GPUs. The released code drops the learning rate after epochs 50, 70 and 90 of these 30: never.
# It tests this one with 3 clips: test_dataloader.dataset.pipeline.sample.num_clips=3.
_base_ = './finetune_r2plus1d-10_rspnet_16x1x1-30e_hmdb51-rgb.py'
model = dict(backbone=dict(_delete_=True, type='ResNet3D', depth=18))
train_dataloader = dict(batch_size=128)
optim_wrapper = dict(optimizer=dict(lr=1e-2))
param_scheduler = []
