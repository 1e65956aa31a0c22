_base_ = ['./aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py', '../_base_/frame_nets.py']
model = _base_.small_in_aux_skd
__sample = dict(_delete_=True, type='SampleClipOrder', tuple_len=4, clip_len=1, gap=22, num_views=2)
__color = dict(type='ChannelSplit')
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=dict(transforms=dict(split=__color)))))
