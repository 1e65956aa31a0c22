# The auxiliary stage in front of VCP: a clip from each of two tuples, and VCP's pixels.
_base_ = ['./aux-skd_r2plus1d-10_16x1x1-20e_ucf101-rgb.py', '../_base_/pixels_0_to_1.py']
model = dict(data_preprocessor=_base_.pixels_0_to_1)
__sample = dict(_delete_=True, type='SampleCloze', tuple_len=3, clip_len=16, gap=8, num_views=2)
__clips = dict(transforms=dict(flip=None, color=None))
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=__clips)))
