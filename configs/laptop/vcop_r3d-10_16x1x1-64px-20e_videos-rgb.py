_base_ = [
    '../_base_/models/vcop.py',
    '../_base_/datasets/clip_order_64px.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# ImageNet's mean and standard deviation, as the laptop's fine-tuning.
model = dict(data_preprocessor=dict(_delete_=True, type='ClipDataPreprocessor'), backbone=dict(type='R3D'))
