_base_ = ['./aux-skd_r2plus1d-10_16x1x1-20e_k100-rgb.py', '../_base_/released_code.py']
# Its VSPP stage starts from epoch 18 of these 25; default_hooks.checkpoint.max_keep_ckpts=8 keeps that one too.
model = dict(
    data_preprocessor=_base_.released_code.data_preprocessor,
    memory_bank=dict(size=15360),
    heads=dict(distill=dict(teacher_temperature=0.02, student_temperature=0.1)),
)
optim_wrapper = dict(optimizer=dict(weight_decay=_base_.released_code.weight_decay))
train_cfg = dict(max_epochs=25)
__sampling = dict(lookahead=3, distinct_views=True, **_base_.released_code.sampling)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sampling)))
