_base_ = [
    '../_base_/models/mas.py',
    '../_base_/datasets/statistics.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# ImageNet's mean and standard deviation, as the laptop's fine-tuning.
__pixels = dict(_delete_=True, type='ClipDataPreprocessor')
model = dict(data_preprocessor=__pixels, backbone=dict(_delete_=True, type='R3D', depth=10))
# At 64 pixels "medium" finds a coarser flow than "fast".
__pipeline = dict(_base_.small_clips.dataset.pipeline, motion=dict(preset='fast'))
train_dataloader = dict(_base_.small_clips, dataset=dict(_base_.small_clips.dataset, pipeline=__pipeline))
