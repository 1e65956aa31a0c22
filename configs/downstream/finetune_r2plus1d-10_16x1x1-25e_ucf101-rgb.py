_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification_ucf101.py',
    '../_base_/schedules/sgd_25e_step6.py',
    '../_base_/default_runtime.py',
]
