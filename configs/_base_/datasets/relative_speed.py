_base_ = './clips.py'
train_pipeline = [
    dict(type='VideoReaderInit'),
    dict(type='SampleRelativeSpeed', clip_len=_base_.clip_len, speeds=(2,)),
    dict(type='DecodeClips'),
    # One draw for each window, over all its frames: the two keys are of one window and share crop, flip and colours.
    dict(
        type='EachClip',
        groups=[[0], [1, 2]],
        transforms=[
            dict(type='RandomResizedCrop', area_range=(0.4, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
            dict(type='Resize', scale=(_base_.crop_size, _base_.crop_size), keep_ratio=False),
            dict(type='Flip', flip_ratio=0.5),
            dict(type='RandomGray', probability=0.2),
            dict(
                type='VideoColorJitter',
                brightness=0.4,
                contrast=0.4,
                saturation=0.4,
                hue=0.4,
                probability=1.0,
                consistent=True,
            ),
        ],
    ),
    dict(type='PackClips'),
]
# Of each process; the learning rate follows the batch of all processes together.
train_dataloader = dict(batch_size=64, drop_last=True, dataset=dict(pipeline=train_pipeline))
