# The decay of the released code, and a generator that also learns from the student's loss, as there.
_base_ = './video-moco_r3d-18_32x1x1-200e_k400-rgb.py'
model = dict(
    heads=dict(video=dict(decay_place='inside', decay_unit='iterations')), adversary=dict(generator_sees='both')
)
