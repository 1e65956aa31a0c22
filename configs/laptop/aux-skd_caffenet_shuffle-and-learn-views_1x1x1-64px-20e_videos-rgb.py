_base_ = ['./aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py', '../_base_/frame_nets.py']
model = _base_.small_in_aux_skd
__sample = dict(_delete_=True, type='SampleFrameTuple', clip_len=1, margin=30, num_views=2)
__whole_frame = dict(_delete_=True, resize=dict(type='Resize', scale=(64, 64), keep_ratio=False))
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=dict(transforms=__whole_frame))))
