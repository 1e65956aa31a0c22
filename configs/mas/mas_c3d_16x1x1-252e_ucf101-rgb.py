# MAS [code]: 80,000 iterations, of 318 an epoch here; no flip; biases at twice the rate; weight decay on the weights of the last
# layers alone. Its net has five convolutions without batch norm and two layers of 2048; here it is STS's C3D.
_base_ = './sts_c3d_16x1x1-18e_ucf101-rgb.py'
__init = dict(_delete_=True, type='Normal', layer='Linear', std=0.01)
model = dict(heads=dict(motion=dict(init_cfg=__init), appearance=dict(init_cfg=__init)))
__free = dict(decay_mult=0)
__keys = {'.bias': __free, '.conv.weight': __free, '.bn.weight': __free}
optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(custom_keys=__keys))
param_scheduler = [dict(type='StepLR', step_size=20000, gamma=0.1, by_epoch=False)]
train_cfg = dict(max_epochs=252)
train_dataloader = dict(sampler=dict(repeats=1), dataset=dict(pipeline=dict(clips=dict(transforms=dict(flip=None)))))
