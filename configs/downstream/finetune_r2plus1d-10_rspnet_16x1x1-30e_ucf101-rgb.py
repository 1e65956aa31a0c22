# Fine-tuning as RSPNet's released code does it: a random part of the frame, no colour jitter, no dropout; test with the
# largest centred square and the mean of the clips' logits ('score'). It takes the epoch that is best on the test split;
# here nothing is selected on it, the last epoch is what is tested.
_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification.py',
    '../_base_/schedules/sgd_30e_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(cls_head=dict(average_clips='score'))
__transforms = dict(
    _delete_=True,
    crop=dict(type='RandomResizedCrop', area_range=(0.25, 1.0), aspect_ratio_range=(3 / 4, 4 / 3)),
    resize=dict(type='Resize', scale=(112, 112), keep_ratio=False),
    flip=dict(type='Flip', flip_ratio=0.5),
)
# The batch is that of the authors' rerun (81.8 top-1 from their K-400 weights): 8 on each of 4 GPUs. With their learning
# rate, which is not scaled, the total batch matters.
train_dataloader = dict(
    batch_size=32, dataset=dict(**_base_.ucf101.train, pipeline=dict(clips=dict(transforms=__transforms)))
)
__square = dict(scale=(-1, 112), keep_ratio=True)  # the largest centred one
test_dataloader = dict(dataset=dict(**_base_.ucf101.test, pipeline=dict(resize=__square)))
