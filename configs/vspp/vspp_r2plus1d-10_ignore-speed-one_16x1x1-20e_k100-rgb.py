# At speed 1 no segment can be told from the others; here these clips take no part in the segment loss. Not the paper's.
_base_ = './vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py'
train_dataloader = dict(dataset=dict(pipeline=dict(sample=dict(ignore_segment_at_speed_one=True))))
