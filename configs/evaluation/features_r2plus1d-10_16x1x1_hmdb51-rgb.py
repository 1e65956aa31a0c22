_base_ = './linear_r2plus1d-10_16x1x1-100e_hmdb51-rgb.py'
test_cfg = dict(type='FeatureTestLoop', train_list=_base_.train_dataloader.dataset.ann_file, protocol='auxskd')
