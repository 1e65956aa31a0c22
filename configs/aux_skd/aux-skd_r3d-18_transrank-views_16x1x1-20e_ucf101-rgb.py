# The auxiliary stage in front of TransRank: two clips, each under a temporal transformation of its own.
_base_ = './aux-skd_r3d-10_16x1x1-20e_ucf101-rgb.py'
model = dict(backbone=dict(depth=18))
__sample = dict(_delete_=True, type='SampleTransformations', clip_len=16, num_views=2)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample)))
