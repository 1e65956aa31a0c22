# Table 3: temperatures of teacher and student in the auxiliary stage. R(2+1)D, K-100, UCF101.
# Temperatures by the names their stages have, since a dot there would end the name in --cfg-options; the config's
# infix; top-1 in the paper. (mmengine leaves names that begin with "__" out of a config.)
__pairs = dict(
    t001_s001=('_teacher-0.01-student-0.01', '75.0'),
    t002_s002=('', '76.3'),
    t005_s005=('_teacher-0.05-student-0.05', '75.3'),
    t007_s007=('_teacher-0.07-student-0.07', '74.9'),
    t01_s01=('_teacher-0.1-student-0.1', '74.9'),
    t001_s01=('_teacher-0.01-student-0.1', '75.5'),
    t002_s01=('_teacher-0.02-student-0.1', '75.0'),
)
stages = {
    name: stage
    for pair, (infix, _) in __pairs.items()
    for name, stage in {
        f'aux_{pair}': dict(config=f'../aux_skd/aux-skd_r2plus1d-10{infix}_16x1x1-20e_k100-rgb.py'),
        f'vspp_{pair}': dict(config='../vspp/vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py', init_from=f'aux_{pair}'),
        f'finetune_{pair}': dict(
            config='../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py', init_from=f'vspp_{pair}'
        ),
    }.items()
}
table = dict(
    chance=dict(acc_speed=0.25, acc_segment=0.25),
    rows=[
        dict(
            name=infix.strip('_').replace('-', ' ') or 'teacher 0.02 student 0.02',
            stages=[f'{stage}_{pair}' for stage in ('aux', 'vspp', 'finetune')],
            cited=cited,
        )
        for pair, (infix, cited) in __pairs.items()
    ],
)
