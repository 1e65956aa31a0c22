_base_ = ['./aux-skd_r2plus1d-10_16x1x1-20e_k400-rgb.py', '../_base_/speednet.py']
model = dict(
    data_preprocessor=_base_.speednet.data_preprocessor,
    backbone=dict(_delete_=True, **_base_.speednet.s3dg),
    necks=dict(projection=dict(in_channels=1024)),
)
env_cfg = dict(cudnn_benchmark=False)
__sample = dict(_delete_=True, type='SampleSpeediness', clip_len=64, num_views=2)
__pipeline = dict(sample=__sample, clips=dict(transforms=_base_.speednet.transforms))
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=__pipeline))  # SpeedNet's batch, not auxSKD's 30 [guess]
