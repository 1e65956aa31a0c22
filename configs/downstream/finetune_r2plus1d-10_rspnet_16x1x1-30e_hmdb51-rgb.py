# The batch: 16 on each of 2 GPUs, the number that the released code's instructions show.
_base_ = './finetune_r2plus1d-10_rspnet_16x1x1-30e_ucf101-rgb.py'
model = dict(cls_head=dict(num_classes=51))
train_dataloader = dict(dataset=_base_.hmdb51.train)
test_dataloader = dict(dataset=_base_.hmdb51.test)
