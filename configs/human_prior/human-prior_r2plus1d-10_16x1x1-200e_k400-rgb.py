# The paper says no more of pretraining than the data; schedule, clips and bank are RSPNet's.
_base_ = [
    '../_base_/models/human_prior.py',
    '../_base_/datasets/relative_speed_middle_frame_k400.py',
    '../_base_/schedules/sgd_200e_cosine.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.05))
