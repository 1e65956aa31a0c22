_base_ = './finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(backbone=dict(temporal_groups=dict(clip_len=16, group_len=4)))
