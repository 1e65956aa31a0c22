# VideoMAE's clips [code]: every 4th frame, the last one again where the video ends; one of 13 places and of four scales of the
# shorter side; no flip and no colours; 9 cells in 10 are masked.
_base_ = './clips.py'
__sample = dict(type='SampleFrames', clip_len=16, frame_interval=4, num_clips=1, out_of_bound_opt='repeat_last')
__scales = dict(scales=(1, 0.875, 0.75, 0.66), max_wh_scale_gap=1, num_fixed_crops=13)
__transforms = dict(
    _delete_=True,
    crop=dict(type='MultiScaleCrop', input_size=224, **__scales),
    resize=dict(type='Resize', scale=(224, 224), keep_ratio=False),
)
train_dataloader = dict(
    batch_size=32,  # of each process; the learning rate follows the batch of all processes together
    drop_last=True,
    dataset=dict(
        pipeline=dict(
            sample=__sample,
            clips=dict(transforms=__transforms),
            mask=dict(type='DrawTubeMask', patch_size=16, ratio=0.9, _after_='clips'),
        )
    ),
)
