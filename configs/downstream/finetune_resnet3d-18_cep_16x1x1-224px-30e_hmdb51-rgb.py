_base_ = './finetune_resnet3d-18_cep_16x1x1-224px-30e_ucf101-rgb.py'
model = dict(cls_head=dict(num_classes=51))
train_dataloader = dict(dataset=_base_.hmdb51.train)
test_dataloader = dict(dataset=_base_.hmdb51.test)
