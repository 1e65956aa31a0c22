_base_ = [
    '../_base_/models/video_pace.py',
    '../_base_/datasets/pace_k100.py',
    '../_base_/schedules/sgd_18e_step6.py',
    '../_base_/default_runtime.py',
]
