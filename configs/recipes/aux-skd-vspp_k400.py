# Table 1, rows 10 and 15; Table 2, rows 5 and 6. The paper has no figure for VSPP alone with R(2+1)D.
_base_ = './aux-skd-vspp_k100.py'
__vspp = '../vspp/vspp_{net}_16x1x1-20e_k400-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_{net}_16x1x1-20e_k400-rgb.py'),
    vspp=dict(config=__vspp),
    vspp_alone=dict(config=__vspp),
)
__cited = [
    {'r3d-10': '65.8'},
    {'r3d-10': '28.8'},
    {'r2plus1d-10': '77.6', 'r3d-10': '67.9'},
    {'r2plus1d-10': '40.4', 'r3d-10': '32.6'},
]
table = dict(
    rows=[
        dict(row, name=row.name.replace('K-100', 'K-400'), cited=cited)
        for row, cited in zip(_base_.table.rows, __cited)
    ]
)
