# VideoMoCo's fine-tuning [code]: ten draws of each video an epoch, frozen batch-norm statistics. The size before the centre crop
# [guess]. The released code keeps the epoch that is best on the test split; here the last one is tested.
_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(type='R3D', depth=18, norm_eval=True), cls_head=dict(average_clips='score'))
optim_wrapper = dict(optimizer=dict(lr=5e-3, weight_decay=1e-4))
param_scheduler = [dict(type='MultiStepLR', milestones=[6, 8], gamma=0.1, by_epoch=True)]
train_cfg = dict(max_epochs=10)
__transforms = dict(
    _delete_=True,
    crop=dict(type='RandomResizedCrop', area_range=(0.08, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
    resize=dict(type='Resize', scale=(224, 224), keep_ratio=False),
    flip=dict(type='Flip', flip_ratio=0.5),
)
__sample = dict(clip_len=32)
__train = dict(**_base_.ucf101.train, pipeline=dict(sample=__sample, clips=dict(transforms=__transforms)))
train_dataloader = dict(batch_size=256, sampler=dict(repeats=10), dataset=__train)
__square = dict(resize=dict(scale=(-1, 224), keep_ratio=True), crop=dict(crop_size=224))
test_dataloader = dict(batch_size=1, dataset=dict(**_base_.ucf101.test, pipeline=dict(sample=__sample, **__square)))
