_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification_64px.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(type='R3D'), cls_head=dict(num_classes=10))
