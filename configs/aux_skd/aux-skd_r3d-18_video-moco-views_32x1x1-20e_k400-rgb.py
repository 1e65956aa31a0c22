# The auxiliary stage in front of VideoMoCo, with its two views of one clip.
_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/one_clip_twice.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(_delete_=True, type='R3D', depth=18))
train_dataloader = dict(batch_size=30, dataset=_base_.kinetics400)
