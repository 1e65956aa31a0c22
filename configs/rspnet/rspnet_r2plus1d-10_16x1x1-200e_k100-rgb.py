_base_ = [
    '../_base_/models/rspnet.py',
    '../_base_/datasets/relative_speed_k100.py',
    '../_base_/schedules/sgd_200e_cosine.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.05))
