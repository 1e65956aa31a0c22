# Every method with a narrow net, and VideoPace with contrast between videos.
_base_ = './every_method_narrow.py'
__name = 'VideoPace with contrast'
stages = dict(
    video_pace_contrast=dict(
        config='../laptop/video-pace_r3d-10_same-context_16x1x1-64px-20e_videos-rgb.py',
        ann_file='pretrain',
        options={
            'model.backbone.base_channels': 16,
            'model.necks.projection.in_channels': 128,
            'model.heads.speed.in_channels': 128,
        },
    ),
    finetune_video_pace_contrast=dict(_base_.stages.finetune_video_pace, init_from='video_pace_contrast'),
)
table = dict(
    chance=dict(acc_contrast=0),
    rows=[*_base_.table.rows, dict(name=__name, stages=['video_pace_contrast', 'finetune_video_pace_contrast'])],
)
