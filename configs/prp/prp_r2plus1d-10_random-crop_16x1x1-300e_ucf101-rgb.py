# The authors' later code crops at random; input and target still have one crop.
_base_ = './prp_r2plus1d-10_16x1x1-300e_ucf101-rgb.py'
__crop = dict(_delete_=True, type='RandomCrop', size=112)
train_dataloader = dict(dataset=dict(pipeline=dict(clips=dict(transforms=dict(crop=__crop)))))
