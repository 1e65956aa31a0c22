# RTT's fine-tuning [code] for C3D: decay 1e-4 a step, every 4th frame, 32 clips in the test. In videos of less than 64 frames the
# released code lowers the stride; here the clip goes round.
_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification.py',
    '../_base_/schedules/adamw_100e_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=dict(mean=(127.5,) * 3, std=(127.5,) * 3), backbone=dict(_delete_=True, type='C3D'))
optim_wrapper = dict(optimizer=dict(lr=5e-5, weight_decay=2.0))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=75, eta_min_ratio=1e-3, by_epoch=True)]
train_cfg = dict(max_epochs=75)
__train = dict(
    **_base_.ucf101.train, pipeline=dict(sample=dict(frame_interval=4), clips=dict(transforms=dict(color=None)))
)
train_dataloader = dict(batch_size=24, dataset=__train)
__test = dict(**_base_.ucf101.test, pipeline=dict(sample=dict(frame_interval=4, num_clips=32)))
test_dataloader = dict(batch_size=1, dataset=__test)
