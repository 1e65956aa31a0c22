# The batch: 32 on each of 2 GPUs, the number that the released code's instructions show. It resamples the videos to 25
# frames a second, which is what UCF101's have.
_base_ = './finetune_r2plus1d-10_rspnet_16x1x1-30e_ucf101-rgb.py'
model = dict(backbone=dict(_delete_=True, type='ResNet3D', depth=18))
train_dataloader = dict(batch_size=64)
