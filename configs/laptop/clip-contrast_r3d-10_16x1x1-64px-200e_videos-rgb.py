# A small form of contrast between clips: places of the two clips, crops and rates [guess].
_base_ = [
    '../_base_/models/clip_contrast.py',
    '../_base_/datasets/pace.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=3e-2, weight_decay=1e-4))
__clips = dict(
    _base_.small_clips.dataset.pipeline.clips.transforms,
    crop=dict(type='RandomResizedCrop', area_range=(0.5, 1.0), aspect_ratio_range=(0.85, 1.18)),
    size=dict(type='Resize', scale=(64, 64), keep_ratio=False),
)
__pipeline = dict(sample=dict(num_speeds=1, num_views=2), clips=dict(transforms=__clips))
# A video is drawn once an epoch: twice in a batch, its clips would be told apart.
train_dataloader = dict(
    _base_.small_clips,
    batch_size=20,  # 40 clips
    sampler=dict(repeats=1),
    dataset=dict(_base_.small_clips.dataset, pipeline=__pipeline),
)
train_cfg = dict(max_epochs=200)
param_scheduler = [dict(type='MultiStepLR', milestones=[140, 180], gamma=0.1, by_epoch=True)]
default_hooks = dict(checkpoint=dict(interval=20))
