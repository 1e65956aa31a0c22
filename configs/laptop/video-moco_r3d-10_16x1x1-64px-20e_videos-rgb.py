_base_ = [
    '../_base_/models/video_moco.py',
    '../_base_/datasets/one_clip_twice.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# The video is to be found among 256. A young teacher must move faster than one that has a million steps.
model = dict(backbone=dict(depth=10), memory_bank=dict(size=255))
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.99), dict(type='MemoryBankHook')]
__pipeline = dict(_base_.small_clips.dataset.pipeline, sample=dict(clip_len=16))
train_dataloader = dict(
    _base_.small_clips, batch_size=32, dataset=dict(_base_.small_clips.dataset, pipeline=__pipeline)
)
