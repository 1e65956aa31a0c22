_base_ = [
    '../_base_/models/aux_skd.py',
    '../_base_/datasets/segment_pace.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# A bank larger than the data would hold every video several times; a young teacher must move faster than one that has
# a million steps.
model = dict(backbone=dict(type='R3D'), memory_bank=dict(size=60))
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.99), dict(type='MemoryBankHook')]
# The paper's learning rate: at a temperature of 0.02 the gradient is fifty times that of a plain softmax, and with 1e-2
# the student's embeddings fall together (std_student in the log).
optim_wrapper = dict(optimizer=dict(lr=1e-3))
__pipeline = dict(_base_.small_clips.dataset.pipeline, sample=dict(num_views=2))
train_dataloader = dict(_base_.small_clips, dataset=dict(_base_.small_clips.dataset, pipeline=__pipeline))
