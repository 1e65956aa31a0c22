# auxSKD paper, Table 1, row 1: Shuffle & Learn's own figures. Behind auxSKD nothing is published.
__config = '../shuffle_and_learn/shuffle-and-learn_caffenet_1x1x1-227px-134e_ucf101-rgb.py'
__aux = '../aux_skd/aux-skd_caffenet_shuffle-and-learn-views_1x1x1-227px-20e_ucf101-rgb.py'
__finetune = '../downstream/finetune_caffenet_shuffle-and-learn_1x1x1-227px-150e_{}-rgb.py'
__note = "mean of three splits, which the table calls split 1; split 1 alone is {} on the authors' page"
__name = 'Shuffle & Learn, CaffeNet, UCF101'
stages = dict(
    aux=dict(config=__aux),
    after_aux=dict(config=__config, init_from='aux'),
    alone=dict(config=__config),
    finetune_ucf101=dict(config=__finetune.format('ucf101'), init_from='alone'),
    finetune_hmdb51=dict(config=__finetune.format('hmdb51'), init_from='alone'),
    finetune_ucf101_after_aux=dict(config=__finetune.format('ucf101'), init_from='after_aux'),
    finetune_hmdb51_after_aux=dict(config=__finetune.format('hmdb51'), init_from='after_aux'),
)
table = dict(
    chance=dict(acc_tuple=3 / 4),
    rows=[
        dict(name=f'{__name}, UCF101', stages=['alone', 'finetune_ucf101'], cited='50.2', note=__note.format('50.9')),
        dict(name=f'{__name}, HMDB51', stages=['alone', 'finetune_hmdb51'], cited='18.1', note=__note.format('19.8')),
        dict(name=f'auxSKD + {__name}, UCF101', stages=['aux', 'after_aux', 'finetune_ucf101_after_aux']),
        dict(name=f'auxSKD + {__name}, HMDB51', stages=['aux', 'after_aux', 'finetune_hmdb51_after_aux']),
    ],
)
