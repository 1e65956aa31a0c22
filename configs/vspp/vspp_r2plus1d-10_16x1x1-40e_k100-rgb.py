# Figure 4: epochs 10, 20, 30 and 40 are kept, to fine-tune each.
_base_ = './vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py'
train_cfg = dict(max_epochs=40)
default_hooks = dict(checkpoint=dict(interval=10, max_keep_ckpts=-1))
