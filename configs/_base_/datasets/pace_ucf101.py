_base_ = ['./pace.py', './ucf101.py']
# Ten draws of each video an epoch, as the released code has it.
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
