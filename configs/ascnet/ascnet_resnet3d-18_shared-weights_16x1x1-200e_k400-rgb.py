# The teacher equals the student, without a gradient: "all video encoders share the parameters" [secondary: a figure's caption].
_base_ = './ascnet_resnet3d-18_16x1x1-200e_k400-rgb.py'
custom_hooks = [dict(_base_.custom_hooks[0], momentum=0.0), _base_.custom_hooks[1]]
