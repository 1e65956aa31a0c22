_base_ = [
    '../_base_/models/ascnet.py',
    '../_base_/datasets/two_speeds.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# As in the small clip consistency a head of weight 0 looks for the clip's own video among 256, and the student sees one view. The
# teacher sees the other first.
model = dict(
    backbone=dict(_delete_=True, type='R3D', depth=10),
    student_views=(0,),
    memory_bank=dict(size=255),
    heads=dict(
        appearance=dict(teacher_views=(0,)),
        video=dict(type='InfoNCEHead', name='video', loss_weight=0.0, teacher_views=(0,)),
    ),
)
train_dataloader = dict(_base_.small_clips, batch_size=32)
