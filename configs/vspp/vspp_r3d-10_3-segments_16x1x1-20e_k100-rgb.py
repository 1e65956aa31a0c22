_base_ = './vspp_r3d-10_16x1x1-20e_k100-rgb.py'
model = dict(heads=dict(segment=dict(num_segments=3)))
train_dataloader = dict(dataset=dict(pipeline=dict(sample=dict(num_segments=3))))
