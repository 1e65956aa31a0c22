# RSPNet, alone and behind auxSKD, otherwise as laptop.py.
_base_ = './laptop.py'
__pretext = dict(config='../laptop/rspnet_r3d-10_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain')
__finetune = _base_.stages.finetune_scratch
stages = dict(
    _delete_=True,
    finetune_scratch=dict(**__finetune),
    rspnet=dict(**__pretext),
    finetune_rspnet=dict(**__finetune, init_from='rspnet'),
    aux=dict(config='../laptop/aux-skd_r3d-10_rspnet-views_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain'),
    rspnet_after_aux=dict(**__pretext, init_from='aux'),
    finetune_after_aux=dict(**__finetune, init_from='rspnet_after_aux'),
)
table = dict(
    _delete_=True,
    chance=dict(acc_motion=1 / 2, acc_appearance=1 / 256),
    rows=[
        dict(name='scratch', stages=['finetune_scratch']),
        dict(name='RSPNet', stages=['rspnet', 'finetune_rspnet']),
        dict(name='auxSKD + RSPNet', stages=['aux', 'rspnet_after_aux', 'finetune_after_aux']),
    ],
)
