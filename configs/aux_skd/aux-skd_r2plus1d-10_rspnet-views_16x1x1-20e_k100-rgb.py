# The auxiliary stage in front of RSPNet, with clips of RSPNet's own sampler and pixels.
_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/relative_speed_two_views_k100.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
