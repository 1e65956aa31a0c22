# The auxiliary stage in front of VCOP, with clips of VCOP's own sampler and pixels.
_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/clip_order_two_views_k100.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
    '../_base_/pixels_0_to_1.py',
]
model = dict(data_preprocessor=_base_.pixels_0_to_1)
