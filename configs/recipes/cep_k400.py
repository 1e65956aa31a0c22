# auxSKD paper, Table 1, rows 9 and 14. CEP's fine-tuning is not published, so the figures and what is run here may differ in it.
nets = {'resnet3d-18': 'R3D-18', 'r2plus1d-10': 'R(2+1)D'}
__pretext = '../cep/cep_{net}_16x1x1-224px-50e_k400-rgb.py'
__finetune = '../downstream/finetune_{net}_cep_16x1x1-224px-30e_'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_cep-views_16x1x1-224px-20e_k400-rgb.py'),
    cep_after_aux=dict(config=__pretext, init_from='aux'),
    cep=dict(config=__pretext),
    finetune_ucf101=dict(config=f'{__finetune}ucf101-rgb.py', init_from='cep'),
    finetune_hmdb51=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='cep'),
    finetune_ucf101_after_aux=dict(config=f'{__finetune}ucf101-rgb.py', init_from='cep_after_aux'),
    finetune_hmdb51_after_aux=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='cep_after_aux'),
)
__note = (
    "the table's R3D-18 of this row is the 3D ResNet with the 7x7x7 stem, by the released code; its R(2+1)D is VCOP's net of 10 "
    'layers'
)
table = dict(
    chance=dict(acc_direction=1 / 2),  # acc_appearance depends on the bank
    rows=[
        dict(
            name='CEP, {net}, K-400, UCF101',
            stages=['cep', 'finetune_ucf101'],
            cited={'resnet3d-18': '75.9', 'r2plus1d-10': '76.7'},
            note=__note,
        ),
        dict(
            name='CEP, {net}, K-400, HMDB51',
            stages=['cep', 'finetune_hmdb51'],
            cited={'resnet3d-18': '36.6', 'r2plus1d-10': '37.6'},
            note=__note,
        ),
        dict(name='auxSKD + CEP, {net}, K-400, UCF101', stages=['aux', 'cep_after_aux', 'finetune_ucf101_after_aux']),
        dict(name='auxSKD + CEP, {net}, K-400, HMDB51', stages=['aux', 'cep_after_aux', 'finetune_hmdb51_after_aux']),
    ],
)
