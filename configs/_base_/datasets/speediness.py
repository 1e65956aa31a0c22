_base_ = './clips.py'
train_dataloader = dict(
    dataset=dict(
        pipeline=dict(
            sample=dict(type='SampleSpeediness', clip_len=64),
            clips=dict(groups=[[0, 1]]),  # both clips of a video have one crop, flip and colour: a guess
        )
    )
)
