# RSPNet's pretraining. The learning rate is that of a total batch (over all processes) of 64 and is scaled with it.
_base_ = './sgd_30e_cosine.py'
param_scheduler = [dict(type='CosineAnnealingLR', T_max=200, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(max_epochs=200)
auto_scale_lr = dict(base_batch_size=64, enable=True)
