# Table 1, rows 18, 19, 25 and 26. The auxiliary stage's views are VideoPace's clips: two draws of a video.
nets = {'r2plus1d-10': 'R(2+1)D', 'r3d-10': 'R3D'}
__pretext = '../video_pace/video-pace_{net}_16x1x1-18e_k100-rgb.py'
__ucf101 = '../downstream/finetune_{net}_16x1x1-25e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_{net}_16x1x1-25e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_video-pace-views_16x1x1-20e_k100-rgb.py'),
    video_pace=dict(config=__pretext, init_from='aux'),
    video_pace_alone=dict(config=__pretext),
    finetune_ucf101=dict(config=__ucf101, init_from='video_pace'),
    finetune_hmdb51=dict(config=__hmdb51, init_from='video_pace'),
    finetune_ucf101_video_pace_alone=dict(config=__ucf101, init_from='video_pace_alone'),
    finetune_hmdb51_video_pace_alone=dict(config=__hmdb51, init_from='video_pace_alone'),
)
table = dict(
    chance=dict(acc_speed=0.25),
    rows=[
        dict(
            name='VideoPace, {net}, K-100, UCF101',
            stages=['video_pace_alone', 'finetune_ucf101_video_pace_alone'],
            cited={'r2plus1d-10': '73.8', 'r3d-10': '57.5'},
        ),
        dict(
            name='VideoPace, {net}, K-100, HMDB51',
            stages=['video_pace_alone', 'finetune_hmdb51_video_pace_alone'],
            cited={'r2plus1d-10': '36.2', 'r3d-10': '23.5'},
        ),
        dict(
            name='auxSKD + VideoPace, {net}, K-100, UCF101',
            stages=['aux', 'video_pace', 'finetune_ucf101'],
            cited={'r2plus1d-10': '76.1', 'r3d-10': '60.9'},
        ),
        dict(
            name='auxSKD + VideoPace, {net}, K-100, HMDB51',
            stages=['aux', 'video_pace', 'finetune_hmdb51'],
            cited={'r2plus1d-10': '38.6', 'r3d-10': '27.1'},
        ),
    ],
)
