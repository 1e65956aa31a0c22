# CEP's fine-tuning is not published; its released code's part for it is RSPNet's [code], without a config. Both nets and both
# data sets have the numbers of RSPNet's 3D ResNet on UCF101, and the pixels of the pretraining [guess].
_base_ = './finetune_resnet3d-18_rspnet_16x1x1-30e_ucf101-rgb.py'
__clips = dict(transforms=dict(resize=dict(scale=(224, 224))))
train_dataloader = dict(dataset=dict(pipeline=dict(clips=__clips)))
__square = dict(resize=dict(scale=(-1, 224)), crop=dict(crop_size=224))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=__square))
