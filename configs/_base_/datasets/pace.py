_base_ = './clips.py'
train_dataloader = dict(dataset=dict(pipeline=dict(sample=dict(type='SamplePace', clip_len=16, num_speeds=4))))
