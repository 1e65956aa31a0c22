_base_ = './clips.py'
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        pipeline=dict(
            sample=dict(type='SampleClipOrder', tuple_len=3, clip_len=16, gap=8),
            # Each clip has a crop of its own; the released code neither flips nor changes colours.
            clips=dict(transforms=dict(flip=None, color=None)),
        )
    ),
)
