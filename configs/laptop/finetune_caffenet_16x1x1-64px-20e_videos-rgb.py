# A net of still images on 16 frames: the head averages over them.
_base_ = ['./finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py', '../_base_/frame_nets.py']
model = dict(backbone=dict(_delete_=True, **_base_.small_net), cls_head=dict(in_channels=1024))
