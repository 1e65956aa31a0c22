# The paper fine-tunes with the code of temporal segment networks; learning rate and epochs, VCOP's, are guesses.
_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification_frames.py',
    '../_base_/frame_nets.py',
    '../_base_/schedules/sgd_300e_constant.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=dict(_delete_=True, **_base_.shuffle_and_learn_net.data_preprocessor),
    backbone=dict(_delete_=True, **_base_.shuffle_and_learn_net.backbone),
    cls_head=dict(in_channels=4096, dropout_ratio=0.5),
)
train_cfg = dict(max_epochs=150)
train_dataloader = dict(dataset=_base_.ucf101.train)
test_dataloader = dict(dataset=_base_.ucf101.test)
