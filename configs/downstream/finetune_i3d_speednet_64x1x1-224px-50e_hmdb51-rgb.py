_base_ = './finetune_i3d_speednet_64x1x1-224px-50e_ucf101-rgb.py'
model = dict(cls_head=dict(num_classes=51))
train_dataloader = dict(dataset=_base_.hmdb51.train)
test_dataloader = dict(dataset=_base_.hmdb51.test)
