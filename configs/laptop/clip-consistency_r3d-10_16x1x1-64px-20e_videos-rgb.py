_base_ = [
    '../_base_/models/clip_consistency.py',
    '../_base_/datasets/two_speeds.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# A loss without negatives does not say whether embeddings tell videos apart. The second head does, at a weight of 0: it looks for
# the clip's own video among 256. For it, the student sees one view.
model = dict(
    backbone=dict(_delete_=True, type='R3D', depth=10),
    student_views=(0,),
    teacher_views=(1,),
    memory_bank=dict(type='MemoryBank', size=255, dim=256),
    heads=dict(video=dict(type='InfoNCEHead', embedding_name='projection', name='video', loss_weight=0.0)),
)
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.99), dict(type='MemoryBankHook')]
train_dataloader = dict(_base_.small_clips, batch_size=32)
