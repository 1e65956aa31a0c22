_base_ = ['./classification_vcop_held_out.py', './ucf101.py']
__data = dict(data_root=_base_.data_root, data_prefix=_base_.data_prefix)
__hold_out = dict(number=800, seed=632)
train_dataloader = dict(
    dataset=dict(**__data, ann_file=_base_.ann_file_train, hold_out=dict(**__hold_out, use='train'))
)
val_dataloader = dict(
    dataset=dict(**__data, ann_file=_base_.ann_file_train, hold_out=dict(**__hold_out, use='held_out'))
)
test_dataloader = dict(dataset=dict(**__data, ann_file=_base_.ann_file_test))
