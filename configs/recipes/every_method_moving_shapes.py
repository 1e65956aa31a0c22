# Every method on the MovingShapes videos: the narrow net, short schedules with a higher learning rate, a bank no larger than the
# data, and the shapes' masks in the place of human parsing.
_base_ = './every_method_narrow.py'
__lr = 'optim_wrapper.optimizer.lr'
__schedule = {
    __lr: 0.03,
    'train_dataloader.sampler.repeats': 5,
    'train_cfg.max_epochs': 6,
    'param_scheduler.0.milestones': [4, 5],
}
__aux = {
    'model.memory_bank.size': 320,
    'train_dataloader.sampler.repeats': 4,
    'train_cfg.max_epochs': 2,
    'param_scheduler.0.milestones': [1],
}
# In 96 frames VCP's default tuple leaves no place for a remote clip. TransRank's rotation stays at chance: the shapes have no
# upright position. Nets of still images and the transformer do not train at the others' learning rate.
__own = dict(
    vcp={'train_dataloader.dataset.pipeline.sample.gap': 0},
    shuffle_and_learn={__lr: 1e-2},
    opn={__lr: 3e-3},
    masked_autoencoder={__lr: 1e-3},
)
__own_finetune = dict(shuffle_and_learn={__lr: 1e-2}, opn={__lr: 1e-2}, masked_autoencoder={__lr: 1e-3})
__masks = '../laptop/human-prior_r3d-10_16x1x1-64px-20e_moving-shapes-rgb.py'
stages = {
    name: dict(
        **(dict(config=__masks) if name in ('human_prior', 'human_prior_after_aux') else {}),
        options=__aux
        if name.startswith('aux')
        else {**__schedule, **__own.get(name.removesuffix('_after_aux'), {})}
        if not name.startswith('finetune')
        else {
            **__schedule,
            'model.cls_head.num_classes': 8,
            **__own_finetune.get(name.removeprefix('finetune_').removesuffix('_after_aux'), {}),
        },
    )
    for name in _base_.stages
}
table = dict(chance={'acc/top1': 1 / 8, 'acc/top5': 5 / 8})
