# The net is C3D as VCOP has it. The paper's is narrower, with two layers of 2048 behind it, which fine-tuning keeps.
_base_ = [
    '../_base_/models/rtt.py',
    '../_base_/datasets/temporal_transform.py',
    '../_base_/schedules/adamw_100e_cosine.py',
    '../_base_/default_runtime.py',
]
__head = dict(init_cfg=dict(type='Xavier', layer='Linear', distribution='uniform'))  # [code]
model = dict(backbone=dict(_delete_=True, type='C3D'), heads=dict(transform=__head, rate=__head))
train_dataloader = dict(dataset=_base_.ucf101.train)
