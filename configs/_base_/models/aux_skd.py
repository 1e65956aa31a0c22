model = dict(
    type='MomentumPretrainer',
    shuffle_teacher=True,
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='R2Plus1D', depth=10),
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=512, out_channels=128)),
    predictors=dict(projection=dict(type='PredictorNeck', in_channels=128, hidden_channels=1024, out_channels=128)),
    memory_bank=dict(type='MemoryBank', size=16384, dim=128),
    heads=dict(distill=dict(type='SimilarityDistillHead', student_temperature=0.02, teacher_temperature=0.02)),
)
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.999), dict(type='MemoryBankHook')]
