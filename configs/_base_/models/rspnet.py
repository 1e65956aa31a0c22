model = dict(
    type='MomentumPretrainer',
    shuffle_teacher=True,
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='R2Plus1D', depth=10),
    necks=dict(
        appearance=dict(type='ProjectionNeck', in_channels=512, out_channels=128),
        motion=dict(type='ProjectionNeck', in_channels=512, out_channels=128),
    ),
    memory_bank=dict(type='MemoryBank', size=16384, dim=128),
    student_views=(0,),
    # The released code's order: the key at the other speed, whose appearance enters the bank, then that at the same.
    teacher_views=(2, 1),
    enqueue=('appearance', 0),
    heads=dict(
        appearance=dict(type='InfoNCEHead', temperature=0.07),
        motion=dict(type='RelativeSpeedHead', margin=2.0, temperature=0.07, same_speed_view=1, other_speed_view=0),
    ),
)
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.999), dict(type='MemoryBankHook')]
