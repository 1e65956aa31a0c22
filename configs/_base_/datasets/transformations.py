# TransRank's clips: three temporal transformations and a rotation [code]; which ones [secondary]; each clip has a place, a crop
# and a flip of its own, each frame auxSKD's colours, 16 videos a batch [guess].
_base_ = './clips.py'
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        pipeline=dict(
            sample=dict(
                type='SampleTransformations',
                clip_len=16,
                transformations=[(1, False), (2, False), (1, True)],
                with_rotation=True,
            ),
            rotate=dict(type='RotateClips', _after_='clips'),
        )
    ),
)
