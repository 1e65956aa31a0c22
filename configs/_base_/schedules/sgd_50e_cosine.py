# CEP's pretraining [code]. The learning rate is that of a total batch (over all processes) of 64 and is scaled with it.
_base_ = './sgd_200e_cosine.py'
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=50, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(max_epochs=50)
