_base_ = './finetune_r3d-10_16x1x1-25e_hmdb51-rgb.py'
model = dict(backbone=dict(depth=18))
