# VideoMAE on UCF101 [code]: 24 clips in each of 8 processes.
_base_ = './masked-autoencoder_vit-b_16x4x1-224px-800e_k400-rgb.py'
optim_wrapper = dict(optimizer=dict(lr=3e-4))
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=1 / 300),
    dict(_base_.param_scheduler[1], T_max=3160, end=3200, eta_min_ratio=1 / 30),
]
train_cfg = dict(max_epochs=3200)
__pipeline = dict(mask=dict(ratio=0.75))
train_dataloader = dict(batch_size=24, dataset=dict(**_base_.ucf101.train, pipeline=__pipeline))
