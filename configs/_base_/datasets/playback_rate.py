_base_ = './clips.py'
train_dataloader = dict(
    batch_size=8,
    drop_last=True,
    dataset=dict(
        pipeline=dict(
            sample=dict(type='SamplePlaybackRate', rates=(1, 2, 4, 8), clip_len=16),
            # Input and target have one crop; the released code crops the center, neither flips nor changes colours.
            clips=dict(
                groups=[[0, 1, 2]],
                transforms=dict(crop=dict(_delete_=True, type='CenterCrop', crop_size=112), flip=None, color=None),
            ),
            target=dict(type='KeepTargetFrames', _after_='clips'),
        )
    ),
)
