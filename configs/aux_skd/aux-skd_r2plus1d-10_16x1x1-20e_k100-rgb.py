_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/segment_pace.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(drop_last=True, dataset=dict(**_base_.kinetics100, pipeline=dict(sample=dict(num_views=2))))
