# VCP's own figures as later papers and lists quote them. It has no released code; fine-tuning and test are those of a
# reimplementation, which are VCOP's.
nets = {'c3d': 'C3D', 'r3d-10': 'R3D', 'r2plus1d-10': 'R(2+1)D'}
__finetune = '../downstream/finetune_{net}_vcop_16x1x1-150e_'
stages = dict(
    vcp=dict(config='../vcp/vcp_{net}_16x1x1-300e_ucf101-rgb.py'),
    finetune_ucf101=dict(config=f'{__finetune}ucf101-rgb.py', init_from='vcp'),
    finetune_hmdb51=dict(config=f'{__finetune}hmdb51-rgb.py', init_from='vcp'),
)
table = dict(
    chance=dict(acc_operation=1 / 5),
    rows=[
        dict(
            name='VCP, {net}, UCF101, UCF101',
            stages=['vcp', 'finetune_ucf101'],
            cited={'c3d': '68.5', 'r3d-10': '66.0', 'r2plus1d-10': '66.3'},
            cited_elsewhere={'r3d-10': '68.1'},  # as a reimplementation quotes the paper; it reaches 67.4 itself
        ),
        dict(
            name='VCP, {net}, UCF101, HMDB51',
            stages=['vcp', 'finetune_hmdb51'],
            cited={'c3d': '32.5', 'r3d-10': '31.5', 'r2plus1d-10': '32.2'},
        ),
    ],
)
