# ImageNet's mean and standard deviation, as everywhere else in videossl, instead of 0..1.
_base_ = './vcop_r2plus1d-10_16x1x1-300e_ucf101-rgb.py'
model = dict(data_preprocessor=dict(_delete_=True, type='ClipDataPreprocessor'))
