# The auxiliary stage in front of RSPNet or the human prior.
_base_ = './aux-skd_r2plus1d-10_rspnet-views_16x1x1-20e_k100-rgb.py'
train_dataloader = dict(dataset=_base_.kinetics400)
