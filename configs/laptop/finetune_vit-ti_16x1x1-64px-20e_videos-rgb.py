_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/adamw_small.py',
    '../_base_/default_runtime.py',
]
__net = dict(_delete_=True, type='ViT', num_heads=3, patch_size=8, positions='axes')
model = dict(backbone=__net, cls_head=dict(in_channels=192, num_classes=10))
train_dataloader = dict(
    _base_.small_clips, batch_size=20, dataset=dict(_base_.small_clips.dataset, ann_file='train.txt')
)
__pipeline = dict(resize=_base_.small_resize, crop=dict(crop_size=64))
test_dataloader = dict(dataset=dict(data_root='data/videos', ann_file='test.txt', pipeline=__pipeline))
