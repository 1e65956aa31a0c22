# Two clips of consecutive frames, and a transformer's optimiser.
_base_ = './aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'
__net = dict(_delete_=True, type='ViT', num_heads=3, patch_size=8, positions='axes')
model = dict(backbone=__net, necks=dict(projection=dict(in_channels=192)))
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=3e-4, weight_decay=0.05))
__sample = dict(_delete_=True, type='SampleFrames', clip_len=16, frame_interval=1, num_clips=2)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample)))
