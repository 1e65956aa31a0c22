# For CPUs, train_dataloader = _base_.small_clips: 64x64 pixels, from videos of any shape, and no colour jitter, since a small
# run has other things to learn first. Ten draws of each video an epoch, as the auxSKD paper has it for UCF101.
small_resize = dict(scale=(-1, 72), keep_ratio=True)
small_clips = dict(
    drop_last=True,
    sampler=dict(repeats=10),
    dataset=dict(
        data_root='data/videos',
        ann_file=None,
        pipeline=dict(
            clips=dict(
                transforms=dict(
                    _delete_=True,
                    resize=dict(type='Resize', **small_resize),
                    crop=dict(type='RandomCrop', size=64),
                    flip=dict(type='Flip', flip_ratio=0.5),
                )
            )
        ),
    ),
)
