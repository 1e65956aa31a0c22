_base_ = [
    '../_base_/models/video_pace.py',
    '../_base_/datasets/pace.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
train_cfg = dict(max_epochs=18)
train_dataloader = dict(dataset=_base_.kinetics100)
