_base_ = [
    '../_base_/models/cep.py',
    '../_base_/datasets/cycle.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/sgd_small.py',
    '../_base_/default_runtime.py',
]
# The video is to be found among 256. The widths behind the net are an eighth of the code's.
model = dict(
    backbone=dict(_delete_=True, type='R3D', depth=10),
    necks=dict(appearance=dict(out_channels=256), cycle=dict(out_channels=256)),
    memory_bank=dict(size=255, dim=256),
    heads=dict(cycle=dict(in_channels=256, hidden_channels=512)),
)
__pipeline = dict(_base_.small_clips.dataset.pipeline, sample=dict(fps=None))
train_dataloader = dict(
    _base_.small_clips, batch_size=32, dataset=dict(_base_.small_clips.dataset, pipeline=__pipeline)
)
