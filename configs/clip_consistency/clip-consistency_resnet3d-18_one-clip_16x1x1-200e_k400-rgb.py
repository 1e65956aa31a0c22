# Both views show the same frames at natural speed, and differ in crop, flip and colours alone.
_base_ = './clip-consistency_resnet3d-18_16x1x1-200e_k400-rgb.py'
__sample = dict(num_speeds=1, distinct_views=False, shared_start=True)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample)))
