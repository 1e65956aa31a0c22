_base_ = './finetune_r3d-18_video-moco_32x1x1-224px-10e_ucf101-rgb.py'
model = dict(cls_head=dict(num_classes=51))
train_dataloader = dict(dataset=_base_.hmdb51.train)
test_dataloader = dict(dataset=_base_.hmdb51.test)
