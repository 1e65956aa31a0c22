# The clips of every stage. A config changes a step by its name: train_dataloader.dataset.pipeline.clips.transforms.crop.size.
_base_ = './videos.py'
train_dataloader = dict(
    batch_size=30,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='DrawSampler', shuffle=True),
    dataset=dict(
        type='VideoDataset',
        pipeline=dict(
            open=dict(type='VideoReaderInit'),
            sample=dict(),  # each method's own
            decode=dict(type='DecodeClips'),
            clips=dict(
                type='EachClip',
                transforms=dict(
                    resize=dict(type='Resize', scale=(171, 128), keep_ratio=False),  # width, height
                    crop=dict(type='RandomCrop', size=112),
                    flip=dict(type='Flip', flip_ratio=0.5),
                    # The paper's strengths are in its released code only; each frame draws its own.
                    color=dict(
                        type='VideoColorJitter', brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, probability=0.8
                    ),
                ),
            ),
            pack=dict(type='PackClips'),
        ),
    ),
)
