# At 112 pixels instead of 224 [guess], with as many pixels in a batch.
_base_ = [
    '../_base_/models/cep.py',
    '../_base_/datasets/cycle.py',
    '../_base_/schedules/sgd_50e_cosine.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=16, dataset=_base_.kinetics400)
