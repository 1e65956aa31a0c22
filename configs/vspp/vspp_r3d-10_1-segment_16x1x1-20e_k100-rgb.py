# One segment is the whole clip: VideoPace's task. There is no segment to predict.
_base_ = './vspp_r3d-10_speed-only_16x1x1-20e_k100-rgb.py'
train_dataloader = dict(dataset=dict(pipeline=dict(sample=dict(num_segments=1))))
