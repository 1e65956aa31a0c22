_base_ = [
    '../_base_/models/recognizer_vcop.py',
    '../_base_/datasets/classification_vcop_hmdb51.py',
    '../_base_/schedules/sgd_150e_constant.py',
    '../_base_/default_runtime.py',
]
model = dict(cls_head=dict(num_classes=51))
