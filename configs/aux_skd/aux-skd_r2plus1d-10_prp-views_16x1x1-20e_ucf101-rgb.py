_base_ = ['./aux-skd_r2plus1d-10_16x1x1-20e_ucf101-rgb.py', '../_base_/pixels_0_to_1.py']
model = dict(data_preprocessor=_base_.pixels_0_to_1)
__sample = dict(_delete_=True, type='SamplePlaybackRate', rates=(1, 2, 4, 8), clip_len=16, num_views=2)
__crop = dict(_delete_=True, type='CenterCrop', crop_size=112)
__clips = dict(transforms=dict(crop=__crop, flip=None, color=None))
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=__clips)))
