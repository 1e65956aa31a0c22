_base_ = [
    '../_base_/models/video_moco_generator.py',
    '../_base_/datasets/one_clip_twice.py',
    '../_base_/schedules/sgd_200e_step120-160.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=_base_.kinetics400)
