# "ISD: Self-Supervised Learning by Iterative Similarity Distillation" (Tejankar et al., 2021): its ResNet-18 numbers.
_base_ = './aux-skd_r3d-10_16x1x1-20e_k100-rgb.py'
predictor = dict(type='PredictorNeck', in_channels=512, hidden_channels=512, out_channels=512)
model = dict(
    necks=dict(_delete_=True),
    predictors=dict(_delete_=True, pooled=predictor),
    memory_bank=dict(size=128000, dim=512),
    enqueue=('pooled', 0),
    heads=dict(distill=dict(embedding='pooled', student_temperature=0.02, teacher_temperature=0.02)),
)
# For batches of 256, and scaled to ours. Its 200 epochs with drops at 140 and 180, at a tenth of the length.
optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=1e-4))
auto_scale_lr = dict(enable=True, base_batch_size=256)
param_scheduler = [dict(type='MultiStepLR', milestones=[14, 18], gamma=0.2, by_epoch=True)]
