# Shuffle & Learn. The numbers of the sampler are from secondary sources. Motion is optional: tools/data/measure_motion.py.
_base_ = './clips.py'
train_dataloader = dict(
    batch_size=128,
    drop_last=True,
    sampler=dict(repeats=10),
    dataset=dict(
        pipeline=dict(
            motion=dict(type='LoadMotion', file='data/ucf101/motion.sqlite', _after_='open'),
            sample=dict(type='SampleFrameTuple', clip_len=1, window=60, margin=15, wrong_share=0.75),
            # The released code warps whole frames, without crop, flip and colours.
            clips=dict(transforms=dict(resize=dict(scale=(227, 227)), crop=None, flip=None, color=None)),
        )
    ),
)
