# The batch: 2 on each of 2 GPUs, the number in the released code's script [code].
_base_ = './cep_resnet3d-18_16x1x1-50e_k400-rgb.py'
__resize = dict(scale=(224, 224))
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=dict(clips=dict(transforms=dict(resize=__resize)))))
