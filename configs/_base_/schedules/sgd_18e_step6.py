_base_ = './sgd_20e_step6.py'
train_cfg = dict(max_epochs=18)
