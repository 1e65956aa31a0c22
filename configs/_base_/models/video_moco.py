# "VideoMoCo: Contrastive Video Representation Learning with Temporally Adversarial Examples", Pan, Song, Yang, Jiang, Liu, 2021,
# without the generator that drops frames. Sizes, momentum and temperature [code]; decay [paper, as quoted by others].
model = dict(
    type='MomentumPretrainer',
    shuffle_teacher=True,
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='R3D', depth=18),
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=512, out_channels=128, num_layers=1)),
    memory_bank=dict(type='MemoryBank', size=65536, dim=128),
    heads=dict(
        video=dict(type='InfoNCEHead', embedding_name='projection', name='video', temperature=0.07, decay=0.99999)
    ),
)
custom_hooks = [dict(type='MomentumTeacherHook', momentum=0.999), dict(type='MemoryBankHook')]
