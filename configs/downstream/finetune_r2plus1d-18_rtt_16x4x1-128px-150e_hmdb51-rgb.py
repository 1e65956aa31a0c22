_base_ = './finetune_r3d-18_rtt_16x4x1-128px-150e_hmdb51-rgb.py'
model = dict(backbone=dict(type='R2Plus1D'))
