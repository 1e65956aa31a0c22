# Fine-tuning: "the same [...] training strategy as the pretraining stage except for the initial learning rate".
_base_ = './sgd_20e_step6.py'
optim_wrapper = dict(optimizer=dict(lr=3e-3))
train_cfg = dict(max_epochs=25)
