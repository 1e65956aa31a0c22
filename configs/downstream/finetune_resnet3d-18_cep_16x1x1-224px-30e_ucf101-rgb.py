# CEP's fine-tuning is not published; its released code's part for it is RSPNet's [code]. Pixels as in pretraining [guess].
_base_ = './finetune_resnet3d-18_rspnet_16x1x1-30e_ucf101-rgb.py'
__clips = dict(transforms=dict(resize=dict(scale=(224, 224))))
train_dataloader = dict(dataset=dict(pipeline=dict(clips=__clips)))
__square = dict(resize=dict(scale=(-1, 224)), crop=dict(crop_size=224))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=__square))
