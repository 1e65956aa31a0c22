_base_ = [
    '../_base_/models/masked_autoencoder.py',
    '../_base_/datasets/tube_mask.py',
    '../_base_/schedules/adamw_800e_warmup40.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=_base_.kinetics400)
