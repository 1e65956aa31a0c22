# The auxSKD paper's RSPNet after the auxiliary stage: the student starts from it, the teacher from random weights.
_base_ = './rspnet_r2plus1d-10_16x1x1-200e_k100-rgb.py'
custom_hooks = [dict(_base_.custom_hooks[0], copy_student=False), _base_.custom_hooks[1]]
