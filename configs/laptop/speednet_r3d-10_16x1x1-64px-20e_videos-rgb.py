_base_ = [
    '../_base_/models/speednet.py',
    '../_base_/datasets/speediness.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(random_size=(48, 81)),
    backbone=dict(_delete_=True, type='R3D', depth=10),
    heads=dict(speediness=dict(in_channels=512)),
)
__pipeline = dict(_base_.small_clips.dataset.pipeline, sample=dict(clip_len=16))
train_dataloader = dict(
    _base_.small_clips, batch_size=15, dataset=dict(_base_.small_clips.dataset, pipeline=__pipeline)
)
