# Table 1, rows 25 and 26.
_base_ = './video-pace_r2plus1d-10_k100.py'
__pretext = '../video_pace/video-pace_r3d-10_16x1x1-18e_k100-rgb.py'
__ucf101 = '../downstream/finetune_r3d-10_16x1x1-25e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_r3d-10_16x1x1-25e_hmdb51-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r3d-10_video-pace-views_16x1x1-20e_k100-rgb.py'),
    video_pace=dict(config=__pretext),
    video_pace_alone=dict(config=__pretext),
    finetune_ucf101=dict(config=__ucf101),
    finetune_hmdb51=dict(config=__hmdb51),
    finetune_ucf101_video_pace_alone=dict(config=__ucf101),
    finetune_hmdb51_video_pace_alone=dict(config=__hmdb51),
)
table = dict(
    rows=[
        dict(
            name='VideoPace, R3D, K-100, UCF101',
            stages=['video_pace_alone', 'finetune_ucf101_video_pace_alone'],
            cited='57.5',
        ),
        dict(
            name='VideoPace, R3D, K-100, HMDB51',
            stages=['video_pace_alone', 'finetune_hmdb51_video_pace_alone'],
            cited='23.5',
        ),
        dict(
            name='auxSKD + VideoPace, R3D, K-100, UCF101', stages=['aux', 'video_pace', 'finetune_ucf101'], cited='60.9'
        ),
        dict(
            name='auxSKD + VideoPace, R3D, K-100, HMDB51', stages=['aux', 'video_pace', 'finetune_hmdb51'], cited='27.1'
        ),
    ]
)
