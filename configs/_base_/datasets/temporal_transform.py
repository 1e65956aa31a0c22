# RTT's clips for C3D [code]: the four clips of a video share the flip, and each has a crop of its own; no colour jitter.
_base_ = './clips.py'
__shared = dict(
    type='EachClip', groups=[[0, 1, 2, 3]], transforms=dict(flip=dict(type='Flip', flip_ratio=0.5)), _after_='decode'
)
train_dataloader = dict(
    batch_size=12,  # 6 videos of 4 clips on each of 2 GPUs
    dataset=dict(
        pipeline=dict(
            sample=dict(type='SampleTemporalTransform', clip_len=16, num_rates=4),
            shared=__shared,
            clips=dict(transforms=dict(flip=None, color=None)),
        )
    ),
)
