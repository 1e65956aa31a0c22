# auxSKD paper, Table 1, row 2, which is VGG-M's: OPN's own figures. Behind auxSKD nothing is published.
nets = {'vggm': 'VGG-M', 'caffenet': 'CaffeNet'}
__config = '../opn/opn_{net}_1x1x1-80px-114e_ucf101-rgb.py'
__finetune = '../downstream/finetune_{net}_opn_1x1x1-150e_'
__note = (
    "VGG-M has 59.8 and 23.8, by a second source 59.6 and 23.8 at 227 pixels; CaffeNet's 56.3 and 22.1 are unverified"
)
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_opn-views_1x1x1-80px-20e_ucf101-rgb.py'),
    after_aux=dict(config=__config, init_from='aux'),
    alone=dict(config=__config),
    finetune_ucf101=dict(config=f'{__finetune}ucf101-rgb.py', init_from='alone'),
    finetune_hmdb51=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='alone'),
    finetune_ucf101_after_aux=dict(config=f'{__finetune}ucf101-rgb.py', init_from='after_aux'),
    finetune_hmdb51_after_aux=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='after_aux'),
)
table = dict(
    chance=dict(acc_frame_order=1 / 12),
    rows=[
        dict(
            name='OPN, {net}, UCF101, UCF101',
            stages=['alone', 'finetune_ucf101'],
            cited={'vggm': '59.8', 'caffenet': '56.3'},
            note=__note,
        ),
        dict(
            name='OPN, {net}, UCF101, HMDB51',
            stages=['alone', 'finetune_hmdb51'],
            cited={'vggm': '23.8', 'caffenet': '22.1'},
            note=__note,
        ),
        dict(name='auxSKD + OPN, {net}, UCF101, UCF101', stages=['aux', 'after_aux', 'finetune_ucf101_after_aux']),
        dict(name='auxSKD + OPN, {net}, UCF101, HMDB51', stages=['aux', 'after_aux', 'finetune_hmdb51_after_aux']),
    ],
)
