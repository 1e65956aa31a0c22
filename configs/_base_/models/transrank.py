# "TransRank: Self-supervised Video Representation Learning via Ranking-based Transformation Recognition", Duan, Zhao, Chen, Lin,
# 2022. Hidden layers: "mlp" in the name of the example config [code]; width, margin, weights and initialisation [guess].
__head = dict(in_channels=512, hidden_channels=512, init_cfg=None)
model = dict(
    type='Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='R3D', depth=18),
    heads=dict(
        ranking=dict(type='RankingHead', num_classes=3, margin=0.5, **__head),
        rotation=dict(type='ClipClassificationHead', num_classes=4, label='gt_rotation', loss_weight=1.0, **__head),
    ),
)
