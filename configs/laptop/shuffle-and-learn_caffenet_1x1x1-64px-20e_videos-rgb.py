_base_ = [
    '../_base_/models/shuffle_and_learn.py',
    '../_base_/datasets/frame_tuple.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# A hidden layer lets the small net compare frames, and wrong frames are further away than the paper's.
model = dict(
    data_preprocessor=dict(_delete_=True, type='ClipDataPreprocessor'),
    backbone=dict(_delete_=True, **_base_.small_net),
    heads=dict(tuple=dict(in_channels=1024, hidden_channels=256, dropout=0.0, init_cfg=None)),
)
__whole_frame = dict(resize=dict(type='Resize', scale=(64, 64), keep_ratio=False))
__steps = dict(
    motion=dict(file='data/videos/motion.sqlite'), sample=dict(margin=30), clips=dict(transforms=__whole_frame)
)
train_dataloader = dict(_base_.small_clips, batch_size=32, dataset=dict(_base_.small_clips.dataset, pipeline=__steps))
