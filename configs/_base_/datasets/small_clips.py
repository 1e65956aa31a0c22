# For CPUs: 64x64 pixels, from videos of any shape, and no colour jitter, since a small run has other things to learn
# first. Ten draws of each video an epoch, as the paper has it for UCF101.
small_resize = dict(type='Resize', scale=(-1, 72))
small_crop_size = 64
small_clip_transforms = [small_resize, dict(type='RandomCrop', size=small_crop_size), dict(type='Flip', flip_ratio=0.5)]
small_dataset = dict(_delete_=True, type='RepeatDataset', times=10)
