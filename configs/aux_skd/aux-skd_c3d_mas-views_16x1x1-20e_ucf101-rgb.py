# The auxiliary stage in front of MAS: two clips of 16 frames in a row, each with a crop of its own, and MAS's pixels.
_base_ = ['./aux-skd_r2plus1d-10_16x1x1-20e_ucf101-rgb.py', '../_base_/released_code.py']
model = dict(data_preprocessor=_base_.released_code.data_preprocessor, backbone=dict(_delete_=True, type='C3D'))
__sample = dict(_delete_=True, type='SamplePace', clip_len=16, num_speeds=1, num_views=2)
__clips = dict(transforms=dict(flip=None, color=None))
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=__clips)))
