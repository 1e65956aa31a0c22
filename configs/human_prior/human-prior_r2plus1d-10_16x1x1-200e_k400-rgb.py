# The paper says no more of pretraining than the data; schedule, clips and bank are RSPNet's.
_base_ = [
    '../_base_/models/human_prior.py',
    '../_base_/datasets/relative_speed.py',
    '../_base_/schedules/sgd_200e_cosine.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.05))
# The middle frame before grey and colour jitter is what the parsing teacher sees.
train_dataloader = dict(dataset=dict(**_base_.kinetics400, pipeline=dict(clips=dict(keep_middle_frame=True))))
