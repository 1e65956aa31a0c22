# VCP's clips [secondary]: each has a crop of its own, no flip, no colour jitter. Spatial operations come behind the crop.
_base_ = './clip_order.py'
train_dataloader = dict(
    dataset=dict(
        pipeline=dict(
            sample=dict(_delete_=True, type='SampleCloze', tuple_len=3, clip_len=16, gap=8),
            operation=dict(type='ApplyClozeOperation', _after_='clips'),
        )
    )
)
