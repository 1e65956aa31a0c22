_base_ = [
    '../_base_/models/vcop.py',
    '../_base_/datasets/clip_order_ucf101.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
