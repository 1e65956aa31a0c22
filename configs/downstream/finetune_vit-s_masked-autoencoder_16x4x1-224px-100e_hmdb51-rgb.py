_base_ = './finetune_vit-s_masked-autoencoder_16x4x1-224px-100e_ucf101-rgb.py'
__mixing = [dict(augment, num_classes=51) for augment in _base_.model.data_preprocessor.blending.augments]
model = dict(data_preprocessor=dict(blending=dict(augments=__mixing)), cls_head=dict(num_classes=51))
train_dataloader = dict(dataset=_base_.hmdb51.train)
test_dataloader = dict(dataset=_base_.hmdb51.test)
