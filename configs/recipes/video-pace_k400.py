# Table 1, rows 5 and 11. The paper has no figure behind the auxiliary stage here.
nets = {'r2plus1d-10': 'R(2+1)D', 'r3d-10': 'R3D'}
stages = dict(
    video_pace=dict(config='../video_pace/video-pace_{net}_16x1x1-18e_k400-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_{net}_16x1x1-25e_ucf101-rgb.py', init_from='video_pace'),
    finetune_hmdb51=dict(config='../downstream/finetune_{net}_16x1x1-25e_hmdb51-rgb.py', init_from='video_pace'),
)
table = dict(
    chance=dict(acc_speed=0.25),
    rows=[
        dict(
            name='VideoPace, {net}, K-400, UCF101',
            stages=['video_pace', 'finetune_ucf101'],
            cited={'r2plus1d-10': '77.1', 'r3d-10': '63.7'},
        ),
        dict(
            name='VideoPace, {net}, K-400, HMDB51',
            stages=['video_pace', 'finetune_hmdb51'],
            cited={'r2plus1d-10': '36.6', 'r3d-10': '27.9'},
        ),
    ],
)
