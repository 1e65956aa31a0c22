# The data of ../_base_/datasets/hmdb51.py, whose names the base has given to UCF101's.
_base_ = './finetune_s3dg_64x1x1-25e_ucf101-rgb.py'
model = dict(cls_head=dict(num_classes=51))
train_dataloader = dict(dataset=dict(data_root='data/hmdb51', ann_file='hmdb51_train_split_1_videos.txt'))
test_dataloader = dict(dataset=dict(data_root='data/hmdb51', ann_file='hmdb51_val_split_1_videos.txt'))
