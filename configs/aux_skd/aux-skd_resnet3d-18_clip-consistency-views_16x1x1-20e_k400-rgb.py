# The auxiliary stage in front of clip consistency, with its two clips.
_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/two_speeds.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(_delete_=True, type='ResNet3D', depth=18))
train_dataloader = dict(batch_size=30, dataset=_base_.kinetics400)
