# VCOP's released code tests with the mean of the clips' logits ('score'); like the base it has no dropout.
_base_ = ['./recognizer.py', '../pixels_0_to_1.py']
model = dict(data_preprocessor=_base_.pixels_0_to_1, cls_head=dict(average_clips='score'))
