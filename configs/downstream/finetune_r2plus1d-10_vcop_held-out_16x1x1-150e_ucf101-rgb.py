# Some of the training videos are held out to choose the epoch by; the test split has no part in that.
_base_ = './finetune_r2plus1d-10_vcop_16x1x1-150e_ucf101-rgb.py'
__hold_out = dict(number=800, seed=632)
__test = _base_.test_dataloader
__middle_clip = dict(__test.dataset.pipeline, sample=dict(__test.dataset.pipeline.sample, num_clips=1))
__held_out = dict(**_base_.ucf101.train, hold_out=dict(**__hold_out, use='held_out'))
train_dataloader = dict(dataset=dict(hold_out=dict(**__hold_out, use='train')))
val_dataloader = dict(
    __test, _delete_=True, batch_size=30, dataset=dict(__test.dataset, **__held_out, pipeline=__middle_clip)
)
val_evaluator = dict(_delete_=True, **_base_.test_evaluator)
val_cfg = dict(_delete_=True, type='ValLoop')
# VCOP's code keeps the epoch with the lowest loss on the held-out videos; here it is that with the highest accuracy.
default_hooks = dict(checkpoint=dict(save_best='acc/top1'))
