# Batch, optimiser and learning rate are a reimplementation's, which trains for 200 epochs; 300 [guess].
_base_ = [
    '../_base_/models/vcp.py',
    '../_base_/datasets/cloze.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=1e-2))
train_dataloader = dict(dataset=_base_.ucf101.train)
