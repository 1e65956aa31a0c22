# The auxiliary stage in front of the small masked autoencoder: two of its clips, with auxSKD's crops and colours, and a
# transformer's optimiser at a learning rate that is a guess.
_base_ = './aux-skd_r2plus1d-10_16x1x1-20e_ucf101-rgb.py'
__net = dict(_delete_=True, type='ViT', num_heads=3)
model = dict(backbone=__net, necks=dict(projection=dict(in_channels=192)))
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=3e-4, weight_decay=0.05))
__clip = dict(clip_len=16, frame_interval=4, out_of_bound_opt='repeat_last')
__sample = dict(_delete_=True, type='SampleFrames', num_clips=2, **__clip)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample)))
