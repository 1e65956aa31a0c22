_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/segment_pace_two_views_k400.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
