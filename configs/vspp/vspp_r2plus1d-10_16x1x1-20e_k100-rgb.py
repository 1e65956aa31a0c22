_base_ = [
    '../_base_/models/vspp.py',
    '../_base_/datasets/segment_pace_k100.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
