# "Back to the Future: Cycle Encoding Prediction for Self-supervised Contrastive Video Representation Learning", Yang, Mirmehdi,
# Burghardt, 2021. Everything here is from the released code [code]; whether the paper's values are the same is not known.
model = dict(
    type='MomentumPretrainer',
    # The code synchronises batch norm instead, which is sync_bn='torch' on several GPUs.
    shuffle_teacher=True,
    # Past, current and future clip pass one after another.
    pass_per_view=True,
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='ResNet3D', depth=18),
    necks=dict(
        appearance=dict(type='ProjectionNeck', in_channels=512, out_channels=2048, num_layers=2),
        cycle=dict(type='ProjectionNeck', in_channels=512, out_channels=2048, num_layers=2, norm='layer'),
    ),
    memory_bank=dict(type='MemoryBank', size=16384, dim=2048),
    student_views=(0, 1, 2),
    # The key of the appearance, then the clips that are predicted.
    teacher_views=(3, 0, 1, 2),
    enqueue=('appearance', 0),
    heads=dict(
        appearance=dict(type='InfoNCEHead', temperature=0.07, one_softmax=True, teacher_views=(0,)),
        cycle=dict(
            type='CyclePredictionHead',
            in_channels=2048,
            hidden_channels=4096,
            cycle_weight=0.1,
            teacher_views=(1, 2, 3),
        ),
    ),
)
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.99), dict(type='MemoryBankHook')]
