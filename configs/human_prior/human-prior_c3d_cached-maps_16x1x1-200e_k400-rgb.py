# The parsing comes from files that tools/data/extract_parsing.py has written, instead of from a network beside the training.
_base_ = './human-prior_c3d_16x1x1-200e_k400-rgb.py'
model = dict(heads=dict(parsing=dict(teacher=None)))
__maps = dict(type='LoadParsingMap', folder='data/kinetics400/parsing_lip', _after_='clips')
train_dataloader = dict(dataset=dict(pipeline=dict(clips=dict(keep_middle_frame=False), maps=__maps)))
