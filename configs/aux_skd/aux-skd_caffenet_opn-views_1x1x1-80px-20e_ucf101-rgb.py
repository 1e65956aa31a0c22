_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/frame_order.py',
    '../_base_/frame_nets.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
model = _base_.opn_in_aux_skd
__views = dict(sample=dict(num_views=2), clips=dict(groups=None))  # frames of two tuples, each with its own region
train_dataloader = dict(batch_size=30, dataset=dict(**_base_.ucf101.train, pipeline=__views))
