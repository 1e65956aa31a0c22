_base_ = './finetune_r2plus1d-10_vcop_held-out_16x1x1-150e_ucf101-rgb.py'
model = dict(cls_head=dict(num_classes=51))
train_dataloader = dict(dataset=dict(**_base_.hmdb51.train, hold_out=dict(number=400)))
val_dataloader = dict(dataset=dict(**_base_.hmdb51.train, hold_out=dict(number=400)))
test_dataloader = dict(dataset=_base_.hmdb51.test)
