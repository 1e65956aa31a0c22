# The parsing comes from files that tools/data/extract_parsing.py has written, instead of from a network beside the training.
_base_ = './human-prior_r2plus1d-10_16x1x1-200e_k400-rgb.py'
model = dict(heads=dict(parsing=dict(teacher=None)))
train_pipeline = _base_.train_pipeline
train_pipeline[3].update(keep_middle_frame=False)
train_pipeline.insert(4, dict(type='LoadParsingMap', folder='data/kinetics400/parsing_lip'))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
