_base_ = [
    '../_base_/models/recognizer_vcop.py',
    '../_base_/datasets/classification_vcop_ucf101.py',
    '../_base_/schedules/sgd_150e_constant.py',
    '../_base_/default_runtime.py',
]
