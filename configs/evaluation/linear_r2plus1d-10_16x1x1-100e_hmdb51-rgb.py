_base_ = [
    '../_base_/models/recognizer_linear.py',
    '../_base_/datasets/classification_hmdb51.py',
    '../_base_/schedules/adam_100e_step60-80.py',
    '../_base_/default_runtime.py',
]
model = dict(cls_head=dict(num_classes=51))
