# What the clips of every stage share. The files built upon this one read these names; a config that wants another value
# changes the pipeline itself, since a pipeline that was built does not follow them.
clip_len = 16
video_scale = (171, 128)  # width, height
crop_size = 112
clip_transforms = [
    dict(type='Resize', scale=video_scale, keep_ratio=False),
    dict(type='RandomCrop', size=crop_size),
    dict(type='Flip', flip_ratio=0.5),
    # The paper's strengths are in its released code only; each frame draws its own.
    dict(type='VideoColorJitter', brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, probability=0.8),
]
train_dataloader = dict(
    batch_size=30,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DrawSampler', shuffle=True),
    dataset=dict(type='VideoDataset'),
)
