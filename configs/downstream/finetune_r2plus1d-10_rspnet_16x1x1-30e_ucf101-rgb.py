# The batch is that of the authors' rerun (81.8 top-1 from their K-400 weights): 8 on each of 4 GPUs. With their learning
# rate, which is not scaled, the total batch matters.
_base_ = [
    '../_base_/models/recognizer_rspnet.py',
    '../_base_/datasets/classification_rspnet_ucf101.py',
    '../_base_/schedules/sgd_30e_cosine.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(batch_size=32)
