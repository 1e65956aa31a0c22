_base_ = ['./segment_pace.py', './ucf101.py']
# Ten draws of each video an epoch, on this small data set only: the paper's "10x more iterations" for temporal
# jittering. (Its "90K iterations per epoch" are 95,370 samples in its released code.)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='RepeatDataset',
        times=10,
        dataset=dict(
            type='VideoDataset',
            data_root=_base_.data_root,
            data_prefix=_base_.data_prefix,
            ann_file=_base_.ann_file_train,
            pipeline=_base_.train_pipeline,
        ),
    )
)
