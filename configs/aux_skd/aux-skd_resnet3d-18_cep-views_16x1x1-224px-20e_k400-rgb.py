# The auxiliary stage in front of CEP, with one of the three clips and the key.
_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/cycle.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
model = dict(backbone=dict(_delete_=True, type='ResNet3D', depth=18))
__pipeline = dict(sample=dict(num_views=2), clips=dict(groups=None, transforms=dict(resize=dict(scale=(224, 224)))))
train_dataloader = dict(batch_size=30, dataset=dict(**_base_.kinetics400, pipeline=__pipeline))
