# The auxiliary stage in front of VCOP, with clips of VCOP's own sampler and pixels.
_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/clip_order.py',
    '../_base_/pixels_0_to_1.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=_base_.pixels_0_to_1)
train_dataloader = dict(
    batch_size=30,
    drop_last=True,
    # Two clips, each from a tuple of its own.
    dataset=dict(**_base_.kinetics100, pipeline=dict(sample=dict(num_views=2))),
)
