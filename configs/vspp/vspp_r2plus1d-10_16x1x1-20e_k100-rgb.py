_base_ = [
    '../_base_/models/vspp.py',
    '../_base_/datasets/segment_pace.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=_base_.kinetics100)
