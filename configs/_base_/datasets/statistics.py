# MAS's and STS's clips [code]: 16 frames in a row, one crop, colours as they are, flipped as in STS. The released code reads
# stored TV-L1 flow; here DIS finds the flow of the frames that the net sees.
_base_ = './clips.py'
train_dataloader = dict(
    batch_size=30,
    dataset=dict(
        pipeline=dict(
            sample=dict(type='SamplePace', clip_len=16, num_speeds=1),
            clips=dict(transforms=dict(color=None)),
            motion=dict(type='MotionStatistics', _after_='clips'),
            appearance=dict(type='AppearanceStatistics', _after_='motion'),
        )
    ),
)
