# The batch: 16 on each of 2 GPUs, the number that the released code's instructions show.
_base_ = [
    '../_base_/models/recognizer_rspnet.py',
    '../_base_/datasets/classification_rspnet_hmdb51.py',
    '../_base_/schedules/sgd_30e_cosine.py',
    '../_base_/default_runtime.py',
]
model = dict(cls_head=dict(num_classes=51))
train_dataloader = dict(batch_size=32)
