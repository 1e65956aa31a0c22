# Pixels and batch are VCOP's: those of the authors are not known.
_base_ = './clips.py'
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        pipeline=dict(
            sample=dict(type='SamplePaceOrder', speeds=(-1, 1, 4), clip_len=16),
            clips=dict(transforms=dict(flip=None, color=None)),
        )
    ),
)
