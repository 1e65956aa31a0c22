# RSPNet's released code tests with the mean of the clips' logits ('score'); like the base it has no dropout.
_base_ = './recognizer.py'
model = dict(cls_head=dict(average_clips='score'))
