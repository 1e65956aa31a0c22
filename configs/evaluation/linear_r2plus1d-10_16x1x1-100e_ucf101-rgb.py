# A linear classifier on a frozen backbone, whose batch norms keep their statistics.
_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification.py',
    '../_base_/schedules/adam_100e_step60-80.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(frozen_stages=4, norm_eval=True))
train_dataloader = dict(dataset=_base_.ucf101.train)
test_dataloader = dict(dataset=_base_.ucf101.test)
