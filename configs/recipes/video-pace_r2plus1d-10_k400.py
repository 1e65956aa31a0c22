# Table 1, row 11. The paper has no figure behind the auxiliary stage here.
stages = dict(
    video_pace=dict(config='../video_pace/video-pace_r2plus1d-10_16x1x1-18e_k400-rgb.py'),
    finetune_ucf101=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from='video_pace'),
    finetune_hmdb51=dict(config='../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py', init_from='video_pace'),
)
table = dict(
    chance=dict(acc_speed=0.25),
    rows=[
        dict(name='VideoPace, R(2+1)D, K-400, UCF101', stages=['video_pace', 'finetune_ucf101'], cited='77.1'),
        dict(name='VideoPace, R(2+1)D, K-400, HMDB51', stages=['video_pace', 'finetune_hmdb51'], cited='36.6'),
    ],
)
