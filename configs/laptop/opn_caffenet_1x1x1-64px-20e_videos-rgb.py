_base_ = [
    '../_base_/models/opn.py',
    '../_base_/datasets/frame_order.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# Frames are further apart than the paper's, since a small net sees little between near ones; a narrower head without dropout.
model = dict(
    data_preprocessor=dict(_delete_=True, type='ClipDataPreprocessor'),
    backbone=dict(_delete_=True, **_base_.small_net),
    heads=dict(order=dict(hidden_channels=128, dropout=0.0, input_dropout=0.0)),
)
optim_wrapper = dict(optimizer=dict(lr=3e-3))
__transforms = dict(resize=dict(scale=(-1, 80)), crop=dict(size=72), start=dict(size=68), flip=dict(flip_ratio=0.5))
__steps = dict(
    motion=dict(file='data/videos/motion.sqlite'),
    sample=dict(gap=22),
    clips=dict(transforms=__transforms),
    jitter=dict(transforms=dict(crop=dict(size=64))),
)
train_dataloader = dict(_base_.small_clips, batch_size=32, dataset=dict(_base_.small_clips.dataset, pipeline=__steps))
