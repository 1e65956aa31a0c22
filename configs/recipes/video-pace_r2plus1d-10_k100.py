# Table 1, rows 18 and 19. The auxiliary stage's views are VideoPace's clips: two draws of a video.
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_video-pace-views_16x1x1-20e_k100-rgb.py'),
    video_pace=dict(config='../video_pace/video-pace_r2plus1d-10_16x1x1-18e_k100-rgb.py', init_from='aux'),
    video_pace_alone=dict(config='../video_pace/video-pace_r2plus1d-10_16x1x1-18e_k100-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from='video_pace'),
    finetune_hmdb51=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py', init_from='video_pace'),
    finetune_ucf101_video_pace_alone=dict(
        config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from='video_pace_alone'
    ),
    finetune_hmdb51_video_pace_alone=dict(
        config='../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py', init_from='video_pace_alone'
    ),
)
table = dict(
    chance=dict(acc_speed=0.25),
    rows=[
        dict(
            name='VideoPace, R(2+1)D, K-100, UCF101',
            stages=['video_pace_alone', 'finetune_ucf101_video_pace_alone'],
            cited='73.8',
        ),
        dict(
            name='VideoPace, R(2+1)D, K-100, HMDB51',
            stages=['video_pace_alone', 'finetune_hmdb51_video_pace_alone'],
            cited='36.2',
        ),
        dict(
            name='auxSKD + VideoPace, R(2+1)D, K-100, UCF101',
            stages=['aux', 'video_pace', 'finetune_ucf101'],
            cited='76.1',
        ),
        dict(
            name='auxSKD + VideoPace, R(2+1)D, K-100, HMDB51',
            stages=['aux', 'video_pace', 'finetune_hmdb51'],
            cited='38.6',
        ),
    ],
)
