_base_ = [
    '../_base_/models/masked_autoencoder.py',
    '../_base_/datasets/tube_mask.py',
    '../_base_/datasets/small_clips.py',
    '../_base_/schedules/adamw_small.py',
    '../_base_/default_runtime.py',
]
# Cubes of 2x8x8, so that a frame has 64 cells, of which 16 are visible. Positions by axes are ours: small nets learn little with
# VideoMAE's.
__decoder = dict(patch_size=8, decoder_channels=96, decoder_depth=2, decoder_heads=3, positions='axes')
model = dict(
    backbone=dict(num_heads=3, patch_size=8, positions='axes'), heads=dict(pixels=dict(in_channels=192, **__decoder))
)
__steps = dict(sample=dict(frame_interval=1), mask=dict(patch_size=8, ratio=0.75))
__pipeline = dict(_base_.small_clips.dataset.pipeline, **__steps)
train_dataloader = dict(
    _base_.small_clips, batch_size=32, dataset=dict(_base_.small_clips.dataset, pipeline=__pipeline)
)
