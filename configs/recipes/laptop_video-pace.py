# VideoPace, alone and behind auxSKD, otherwise as laptop.py.
_base_ = './laptop.py'
__pretext = dict(config='../laptop/video-pace_r3d-10_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain')
__finetune = _base_.stages.finetune_scratch
stages = dict(
    _delete_=True,
    finetune_scratch=dict(**__finetune),
    video_pace=dict(**__pretext),
    finetune_video_pace=dict(**__finetune, init_from='video_pace'),
    aux=dict(config='../laptop/aux-skd_r3d-10_video-pace-views_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain'),
    video_pace_after_aux=dict(**__pretext, init_from='aux'),
    finetune_after_aux=dict(**__finetune, init_from='video_pace_after_aux'),
)
table = dict(
    _delete_=True,
    chance=dict(acc_speed=1 / 4),
    rows=[
        dict(name='scratch', stages=['finetune_scratch']),
        dict(name='VideoPace', stages=['video_pace', 'finetune_video_pace']),
        dict(name='auxSKD + VideoPace', stages=['aux', 'video_pace_after_aux', 'finetune_after_aux']),
    ],
)
