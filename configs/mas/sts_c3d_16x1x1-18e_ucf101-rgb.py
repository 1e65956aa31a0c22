# STS [code]: weight decay 5e-3, biases at twice the learning rate, 18 epochs of a list of clips, which is not released: ten draws
# of each video [guess]. Last layers as PyTorch begins them.
_base_ = [
    '../_base_/models/mas.py',
    '../_base_/datasets/statistics.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
model = dict(heads=dict(motion=dict(init_cfg=None), appearance=dict(init_cfg=None)))
optim_wrapper = dict(
    optimizer=dict(lr=5e-4, weight_decay=5e-3), paramwise_cfg=dict(custom_keys={'.bias': dict(lr_mult=2)})
)
train_cfg = dict(max_epochs=18)
train_dataloader = dict(sampler=dict(repeats=10), dataset=_base_.ucf101.train)
