# How PSP was fine-tuned is not known: VCOP's fine-tuning, with the norms of the pretraining.
_base_ = './finetune_r2plus1d-10_vcop_16x1x1-150e_ucf101-rgb.py'
model = dict(backbone=dict(temporal_groups=dict(clip_len=16, group_len=4)))
