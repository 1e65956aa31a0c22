# Optimiser and schedule are RSPNet's for this net, the batch is small for 64 frames [guess]. Net [paper]; 64 frames [secondary].
_base_ = [
    '../_base_/models/speednet.py',
    '../_base_/datasets/speediness.py',
    '../_base_/schedules/sgd_200e_cosine.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.05))
env_cfg = dict(cudnn_benchmark=False)  # it would search anew for every size of a batch
__clips = dict(transforms=_base_.speednet.transforms)
train_dataloader = dict(batch_size=8, dataset=dict(**_base_.kinetics400, pipeline=dict(clips=__clips)))
