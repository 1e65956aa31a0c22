_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/frame_tuple.py',
    '../_base_/frame_nets.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
model = _base_.shuffle_and_learn_in_aux_skd
__sample = dict(num_views=2)  # each the middle frame of a tuple of its own
train_dataloader = dict(batch_size=30, dataset=dict(**_base_.ucf101.train, pipeline=dict(sample=__sample)))
