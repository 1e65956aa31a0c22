# MovingShapes (tools/data/make_moving_shapes.py) has no humans, but a mask of its shape for each frame: two classes, and no
# teacher needed.
_base_ = './human-prior_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(heads=dict(parsing=dict(num_classes=2, teacher=None)))
__pipeline = dict(clips=dict(keep_middle_frame=False), maps=dict(type='LoadShapeMask', _after_='clips'))
train_dataloader = dict(dataset=dict(data_root='data/moving_shapes', ann_file='train.txt', pipeline=__pipeline))
