_base_ = './clips.py'
__transforms = dict(
    _delete_=True,
    crop=dict(type='RandomResizedCrop', area_range=(0.4, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
    resize=dict(type='Resize', scale=(112, 112), keep_ratio=False),
    flip=dict(type='Flip', flip_ratio=0.5),
    gray=dict(type='RandomGray', probability=0.2),
    color=dict(
        type='VideoColorJitter', brightness=0.4, contrast=0.4, saturation=0.4, hue=0.4, probability=1.0, consistent=True
    ),
)
train_dataloader = dict(
    batch_size=64,  # of each process; the learning rate follows the batch of all processes together
    drop_last=True,
    dataset=dict(
        pipeline=dict(
            sample=dict(type='SampleRelativeSpeed', clip_len=16, speeds=(2,)),
            # One draw for each window, over all its frames: the two keys are of one window and share crop, flip and colours.
            clips=dict(groups=[[0], [1, 2]], transforms=__transforms),
        )
    ),
)
