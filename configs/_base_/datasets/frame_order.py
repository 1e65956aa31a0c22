# OPN. The distance of the frames and the size of the whole frame are guesses. Motion is optional: tools/data/measure_motion.py.
_base_ = './clips.py'
train_dataloader = dict(
    batch_size=64,
    drop_last=True,
    sampler=dict(repeats=10),
    dataset=dict(
        pipeline=dict(
            motion=dict(type='LoadMotion', file='data/ucf101/motion.sqlite', _after_='open'),
            sample=dict(type='SampleClipOrder', tuple_len=4, clip_len=1, gap=4, up_to_reversal=True),
            # A region with motion, and in it a place and a mirroring, for the four frames alike ...
            clips=dict(
                groups=[[0, 1, 2, 3]],
                transforms=dict(
                    resize=dict(scale=(-1, 240), keep_ratio=True),
                    crop=dict(_delete_=True, type='MotionCrop', size=100),
                    start=dict(type='RandomCrop', size=90, _after_='crop'),
                    color=None,
                ),
            ),
            # ... then each frame's own shift of up to 5 pixels, and one of its channels.
            jitter=dict(
                type='EachClip',
                transforms=dict(crop=dict(type='RandomCrop', size=80), split=dict(type='ChannelSplit')),
                _after_='clips',
            ),
        )
    ),
)
