_base_ = [
    '../_base_/models/vcop.py',
    '../_base_/datasets/clip_order_k100.py',
    '../_base_/schedules/sgd_200e_constant.py',
    '../_base_/default_runtime.py',
]
