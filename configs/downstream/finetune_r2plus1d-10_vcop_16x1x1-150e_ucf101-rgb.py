# Fine-tuning as VCOP's released code does it: clips as in its pretraining, cropped, not flipped, colours as they are, no
# dropout; test with the mean of the clips' logits ('score'). (Its code has two groups of parameters, the last two stages
# with the classifier and the rest, but one learning rate for both, which is one group.)
_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification.py',
    '../_base_/pixels_0_to_1.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
model = dict(data_preprocessor=_base_.pixels_0_to_1, cls_head=dict(average_clips='score'))
train_cfg = dict(max_epochs=150)
__clips = dict(transforms=dict(flip=None, color=None))
train_dataloader = dict(batch_size=8, dataset=dict(**_base_.ucf101.train, pipeline=dict(clips=__clips)))
test_dataloader = dict(dataset=_base_.ucf101.test)
