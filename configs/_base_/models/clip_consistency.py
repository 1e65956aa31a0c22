# BYOL on clips: the appearance half of "ASCNet: Self-supervised Video Representation Learning with Appearance-Speed Consistency",
# Huang, Wu, Hu, Liu, He, Wu, Wu, Tan, Ding, 2021, as far as it is known: no negatives, two clips at different speeds [paper]; a
# predictor, distance of unit vectors [secondary]. Widths, momentum, and that there is a teacher [guess].
model = dict(
    type='MomentumPretrainer',
    shuffle_teacher=True,
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='ResNet3D', depth=18),
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=512, out_channels=256, num_layers=2, norm='batch')),
    predictors=dict(projection=dict(type='PredictorNeck', in_channels=256, hidden_channels=1024, out_channels=256)),
    # Each view of the student is compared with the other view of the teacher.
    student_views=(0, 1),
    teacher_views=(1, 0),
    heads=dict(consistency=dict(type='ConsistencyHead')),
)
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.99)]
