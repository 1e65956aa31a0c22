# VCOP, alone and behind auxSKD, otherwise as laptop.py.
_base_ = './laptop.py'
__pretext = dict(config='../laptop/vcop_r3d-10_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain')
__finetune = _base_.stages.finetune_scratch
stages = dict(
    _delete_=True,
    finetune_scratch=dict(**__finetune),
    vcop=dict(**__pretext),
    finetune_vcop=dict(**__finetune, init_from='vcop'),
    aux=dict(config='../laptop/aux-skd_r3d-10_vcop-views_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain'),
    vcop_after_aux=dict(**__pretext, init_from='aux'),
    finetune_after_aux=dict(**__finetune, init_from='vcop_after_aux'),
)
table = dict(
    _delete_=True,
    chance=dict(acc_order=1 / 6),
    rows=[
        dict(name='scratch', stages=['finetune_scratch']),
        dict(name='VCOP', stages=['vcop', 'finetune_vcop']),
        dict(name='auxSKD + VCOP', stages=['aux', 'vcop_after_aux', 'finetune_after_aux']),
    ],
)
