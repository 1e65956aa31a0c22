# Maps of tools/data/extract_parsing.py instead of a running teacher.
_base_ = './human-prior_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(heads=dict(parsing=dict(teacher=None)))
__maps = dict(type='LoadParsingMap', folder='data/videos/parsing_lip', _after_='clips')
train_dataloader = dict(dataset=dict(pipeline=dict(clips=dict(keep_middle_frame=False), maps=__maps)))
