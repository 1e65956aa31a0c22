_base_ = './linear_r3d-10_16x1x1-64px-20e_videos-rgb.py'
test_cfg = dict(type='FeatureTestLoop', train_list='train.txt', protocol='auxskd', size=64, resize=72)
