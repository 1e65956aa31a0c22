_base_ = ['./vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py', '../_base_/released_code.py']
model = dict(
    data_preprocessor=_base_.released_code.data_preprocessor,
    heads=dict(speed=dict(init_cfg=None), segment=dict(init_cfg=None)),  # PyTorch's own initialisation
)
optim_wrapper = dict(optimizer=dict(weight_decay=_base_.released_code.weight_decay))
train_dataloader = dict(
    sampler=dict(repeats=10),  # of any list; the auxiliary stage takes each video once
    dataset=dict(pipeline=dict(sample=dict(lookahead=1, **_base_.released_code.sampling))),
)
