_base_ = [
    '../_base_/models/video_pace.py',
    '../_base_/datasets/pace_64px.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(type='R3D'))
