_base_ = [
    '../_base_/models/mas.py',
    '../_base_/datasets/statistics.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# ImageNet's mean and standard deviation, as the laptop's fine-tuning.
model = dict(data_preprocessor=dict(_delete_=True, type='ClipDataPreprocessor'), backbone=dict(type='R3D'))
train_dataloader = dict(_base_.small_clips, batch_size=30)
