_base_ = './sgd_30e_cosine.py'
param_scheduler = [dict(type='CosineAnnealingLR', T_max=50, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(max_epochs=50)
