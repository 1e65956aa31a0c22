# Every method with a narrow net, and contrast between clips.
_base_ = './every_method_narrow.py'
__name = 'clip contrast'
stages = dict(
    clip_contrast=dict(
        config='../laptop/clip-contrast_r3d-10_16x1x1-64px-200e_videos-rgb.py',
        ann_file='pretrain',
        options={'model.backbone.base_channels': 16, 'model.necks.projection.in_channels': 128},
    ),
    finetune_clip_contrast=dict(_base_.stages.finetune_video_pace, init_from='clip_contrast'),
)
table = dict(
    chance=dict(acc_contrast=0),
    rows=[*_base_.table.rows, dict(name=__name, stages=['clip_contrast', 'finetune_clip_contrast'])],
)
