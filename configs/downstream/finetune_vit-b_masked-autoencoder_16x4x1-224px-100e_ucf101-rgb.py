# VideoMAE's fine-tuning on UCF101 [code]: two draws of each video, in every batch mixup or cutmix, random erasing, 5 clips with 3
# crops in the test. Not built: RandAugment. The released net has a new layer norm behind the mean of the tokens; here the
# encoder's own norm stands before the mean. On HMDB51 the same [guess].
_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification.py',
    '../_base_/schedules/adamw_100e_layer_decay.py',
    '../_base_/default_runtime.py',
]
__mixing = [
    dict(type=f'{kind}Blending', alpha=alpha, num_classes=101) for kind, alpha in dict(Mixup=0.8, Cutmix=1.0).items()
]
__noise = dict(mode='rand', fill_color=(123.675, 116.28, 103.53), fill_std=(58.395, 57.12, 57.375))
model = dict(
    data_preprocessor=dict(blending=dict(type='RandomBatchAugment', augments=__mixing)),
    backbone=dict(_delete_=True, type='ViT', num_heads=12, drop_path=0.2),
    cls_head=dict(in_channels=768, dropout_ratio=0.5, label_smooth_eps=0.1, init_std=2e-5),
)
__sample = dict(frame_interval=4, out_of_bound_opt='repeat_last')
__transforms = dict(
    _delete_=True,
    crop=dict(type='RandomResizedCrop', area_range=(0.08, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
    resize=dict(type='Resize', scale=(224, 224), keep_ratio=False),
    flip=dict(type='Flip', flip_ratio=0.5),
    erase=dict(type='RandomErasing', erase_prob=0.25, **__noise),
)
__train = dict(**_base_.ucf101.train, pipeline=dict(sample=__sample, clips=dict(transforms=__transforms)))
train_dataloader = dict(batch_size=32, drop_last=True, sampler=dict(repeats=2), dataset=__train)
__views = dict(
    sample=dict(**__sample, num_clips=5),
    resize=dict(scale=(-1, 224), keep_ratio=True),
    crop=dict(_delete_=True, type='ThreeCrop', crop_size=224),
)
test_dataloader = dict(dataset=dict(**_base_.ucf101.test, pipeline=__views))
