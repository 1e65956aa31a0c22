# Table 4: subtasks and number of segments Z of VSPP, without the auxiliary stage. R3D, K-100, UCF101.
# By the stages' names: the config's infix, the row's name, top-1 in the paper. (mmengine leaves names that begin with
# "__" out of a config.)
__ablations = dict(
    [
        ('1_segment', ('_1-segment', 'speed alone, Z = 1', '57.5')),
        ('2_segments', ('_2-segments', 'speed and segment, Z = 2', '57.5')),
        ('3_segments', ('_3-segments', 'speed and segment, Z = 3', '59.5')),
        ('4_segments', ('', 'speed and segment, Z = 4', '60.8')),
        ('speed_only', ('_speed-only', 'speed alone, Z = 4', '58.3')),
        ('segment_only', ('_segment-only', 'segment alone, Z = 4', '59.9')),
    ]
)
stages = {
    name: stage
    for ablation, (infix, _, _) in __ablations.items()
    for name, stage in {
        f'vspp_{ablation}': dict(config=f'../vspp/vspp_r3d-10{infix}_16x1x1-20e_k100-rgb.py'),
        f'finetune_{ablation}': dict(
            config='../downstream/finetune_r3d-10_16x1x1-25e_ucf101-rgb.py', init_from=f'vspp_{ablation}'
        ),
    }.items()
}
table = dict(
    chance=dict(acc_speed=0.25),  # of the segment it is 1 / Z, another in each row
    rows=[
        dict(name=name, stages=[f'vspp_{ablation}', f'finetune_{ablation}'], cited=cited)
        for ablation, (_, name, cited) in __ablations.items()
    ],
)
