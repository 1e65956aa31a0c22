_base_ = './finetune_caffenet_opn_1x1x1-150e_hmdb51-rgb.py'
model = dict(backbone=dict(type='VGGM'))
train_dataloader = dict(dataset=dict(pipeline=dict(clips=dict(transforms=dict(crop=dict(size=224))))))
test_dataloader = dict(dataset=dict(pipeline=dict(crop=dict(crop_size=224))))
