# The authors keep the convolutions alone: fc6 and fc7 begin anew, here because of another shape. The size of the frames,
# CaffeNet's own, is a guess.
_base_ = './finetune_caffenet_shuffle-and-learn_1x1x1-227px-150e_ucf101-rgb.py'
model = dict(data_preprocessor=_base_.opn_net.data_preprocessor, backbone=dict(_delete_=True, type='CaffeNet'))
