# RSPNet's S3D-G sees longer clips in fine-tuning than in pretraining. The batch: 4 on each of 2 GPUs, the number that the
# released code's instructions show.
_base_ = './classification_rspnet.py'
train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].update(clip_len=64)
train_pipeline[3]['transforms'][1].update(scale=(224, 224))
test_pipeline[1].update(clip_len=64)
test_pipeline[3].update(scale=(-1, 224))
test_pipeline[4].update(crop_size=224)
train_dataloader = dict(batch_size=8, dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))
