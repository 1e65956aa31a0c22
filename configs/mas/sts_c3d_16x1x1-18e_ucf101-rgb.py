# STS [code]: weight decay 5e-3, biases at twice the learning rate, 18 epochs.
_base_ = [
    '../_base_/models/mas.py',
    '../_base_/datasets/statistics.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(
    optimizer=dict(lr=5e-4, weight_decay=5e-3), paramwise_cfg=dict(custom_keys={'.bias': dict(lr_mult=2)})
)
train_cfg = dict(max_epochs=18)
train_dataloader = dict(dataset=_base_.ucf101.train)
