# Fine-tuning of nets of still images, one frame of a video at a time; the test averages 25 frames and 10 crops of each, as
# secondary sources have it. The frame's size and the rest of the training are guesses. A test batch is one video: 250 frames.
_base_ = './classification.py'
__sample = dict(clip_len=1)
__resize = dict(scale=(340, 256))
train_dataloader = dict(
    batch_size=128,
    dataset=dict(
        pipeline=dict(sample=__sample, clips=dict(transforms=dict(resize=__resize, crop=dict(size=227), color=None)))
    ),
)
test_dataloader = dict(
    batch_size=1,
    dataset=dict(
        pipeline=dict(sample=dict(**__sample, num_clips=25), resize=__resize, crop=dict(type='TenCrop', crop_size=227))
    ),
)
