# Each batch norm of the released code's net is two, one for each half of the map in time [code]. ResNet3D cannot have this: its
# last map has one frame, for which the released code raises an error.
_base_ = './cep_r2plus1d-10_16x1x1-224px-50e_k400-rgb.py'
model = dict(backbone=dict(temporal_groups=dict(clip_len=16, num_groups=2)))
