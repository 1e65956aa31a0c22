# With the generator, from the middle of the training on.
_base_ = './video-moco_r3d-10_16x1x1-64px-20e_videos-rgb.py'
model = dict(adversary=dict(type='FrameDropAdversary'))
custom_hooks = [*_base_.custom_hooks, dict(type='AdversaryHook')]
find_unused_parameters = True
