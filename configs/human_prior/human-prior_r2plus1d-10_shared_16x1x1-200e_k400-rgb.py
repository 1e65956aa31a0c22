# "TI" of Table 2: one representation for all tasks. That is the plain net, with every head on its last map.
_base_ = './human-prior_r2plus1d-10_16x1x1-200e_k400-rgb.py'
model = dict(
    backbone=dict(_delete_=True, type='R2Plus1D', depth=10),
    necks=dict(appearance=dict(branch=None), motion=dict(branch=None), human_map=dict(branch=None)),
)
