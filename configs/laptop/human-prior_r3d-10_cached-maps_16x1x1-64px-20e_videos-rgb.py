# Maps of tools/data/extract_parsing.py instead of a running teacher.
_base_ = './human-prior_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(heads=dict(parsing=dict(teacher=None)))
train_pipeline = _base_.train_pipeline
train_pipeline[3].update(keep_middle_frame=False)
train_pipeline.insert(4, dict(type='LoadParsingMap', folder='data/videos/parsing_lip'))
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
