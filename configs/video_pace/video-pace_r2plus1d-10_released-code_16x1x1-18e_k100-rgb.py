_base_ = ['./video-pace_r2plus1d-10_16x1x1-18e_k100-rgb.py', '../_base_/released_code.py']
model = dict(
    data_preprocessor=_base_.released_code.data_preprocessor,
    heads=dict(speed=dict(init_cfg=None)),  # PyTorch's own initialisation
)
optim_wrapper = dict(optimizer=dict(weight_decay=_base_.released_code.weight_decay))
__sampling = dict(lookahead=1, overrun=_base_.released_code.sampling.overrun)
train_dataloader = dict(sampler=dict(repeats=10), dataset=dict(pipeline=dict(sample=__sampling)))  # of any list
