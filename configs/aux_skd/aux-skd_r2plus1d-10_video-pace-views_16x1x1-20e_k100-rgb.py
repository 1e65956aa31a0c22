# The auxiliary stage in front of VideoPace, with clips of VideoPace's own sampler and pixels.
_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/pace.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(drop_last=True, dataset=dict(**_base_.kinetics100, pipeline=dict(sample=dict(num_views=2))))
