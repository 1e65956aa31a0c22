# The auxiliary stage in front of RSPNet, with clips of RSPNet's own sampler and pixels.
_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/relative_speed.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(
    batch_size=30,
    # A clip from each of the two windows, each cropped and coloured on its own.
    dataset=dict(**_base_.kinetics100, pipeline=dict(sample=dict(num_views=2), clips=dict(groups=None))),
)
