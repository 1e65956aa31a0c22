# Every method on the MovingShapes videos: a net of a quarter of the width, short schedules with a higher learning rate, a bank
# no larger than the data, and the shapes' masks in the place of human parsing.
_base_ = './every_method.py'
__schedule = {
    'optim_wrapper.optimizer.lr': 0.03,
    'train_dataloader.sampler.repeats': 5,
    'train_cfg.max_epochs': 6,
    'param_scheduler.0.milestones': [4, 5],
}
__net = {'model.backbone.base_channels': 16}
__branched_net = {'model.backbone.backbone.base_channels': 16}
__necks = {'model.necks.appearance.in_channels': 128, 'model.necks.motion.in_channels': 128}
__statistics = {'model.heads.motion.in_channels': 128, 'model.heads.appearance.in_channels': 128}
__lr = 'optim_wrapper.optimizer.lr'  # nets of still images do not train at that of the others
__methods = dict(
    vspp={**__net, **__schedule, 'model.heads.speed.in_channels': 128, 'model.heads.segment.in_channels': 128},
    video_pace={**__net, **__schedule, 'model.heads.speed.in_channels': 128},
    vcop={**__net, **__schedule, 'model.heads.order.in_channels': 128},
    rspnet={**__net, **__schedule, **__necks},
    # In 96 frames the default tuple leaves no place for a remote clip.
    vcp={
        **__net,
        **__schedule,
        'model.heads.operation.in_channels': 128,
        'train_dataloader.dataset.pipeline.sample.gap': 0,
    },
    rtt={**__net, **__schedule, 'model.heads.transform.in_channels': 128, 'model.heads.rate.in_channels': 128},
    speednet={**__net, **__schedule, 'model.heads.speediness.in_channels': 128},
    psp={**__net, **__schedule, 'model.heads.order.in_channels': 128},
    prp={**__net, **__schedule, 'model.necks.rate.in_channels': 128, 'model.heads.reconstruction.in_channels': 128},
    shuffle_and_learn={**__net, **__schedule, 'model.heads.tuple.in_channels': 256, __lr: 1e-2},
    opn={**__net, **__schedule, 'model.heads.order.in_channels': 256, __lr: 3e-3},
    # The shapes have no upright position: rotation stays at chance.
    transrank={**__net, **__schedule, 'model.heads.ranking.in_channels': 128, 'model.heads.rotation.in_channels': 128},
    clip_consistency={**__net, **__schedule, 'model.necks.projection.in_channels': 128},
    video_moco={**__net, **__schedule, 'model.necks.projection.in_channels': 128},
    cep={**__net, **__schedule, 'model.necks.appearance.in_channels': 128, 'model.necks.cycle.in_channels': 128},
    ascnet={**__net, **__schedule, 'model.necks.appearance.in_channels': 128, 'model.necks.speed.in_channels': 128},
    video_moco_generator={**__net, **__schedule, 'model.necks.projection.in_channels': 128},
    mas={**__net, **__schedule, **__statistics},
    masked_autoencoder={**__net, **__schedule, 'model.heads.pixels.in_channels': 48, __lr: 1e-3},
    human_prior={**__branched_net, **__schedule, **__necks, 'model.heads.parsing.in_channels': 128},
)
__finetune = {**__schedule, 'model.cls_head.num_classes': 8}
__aux = {
    **__net,
    'model.necks.projection.in_channels': 128,
    'model.memory_bank.size': 320,
    'train_dataloader.sampler.repeats': 4,
    'train_cfg.max_epochs': 2,
    'param_scheduler.0.milestones': [1],
}
__frame_methods = ('shuffle_and_learn', 'opn')
__frame_aux = {'model.necks.projection.in_channels': 256}
__vit_aux = {'model.necks.projection.in_channels': 48}
__masks = '../laptop/human-prior_r3d-10_16x1x1-64px-20e_moving-shapes-rgb.py'
stages = {
    name: dict(
        **(dict(config=__masks) if name in ('human_prior', 'human_prior_after_aux') else {}),
        options={**__aux, **__frame_aux}
        if name.startswith('aux') and any(method in name for method in __frame_methods)
        else {**__aux, **__vit_aux}
        if name.startswith('aux') and 'masked_autoencoder' in name
        else __aux
        if name.startswith('aux')
        else __methods[name.removesuffix('_after_aux')]
        if not name.startswith('finetune')
        else {**__branched_net, **__finetune, 'model.cls_head.in_channels': 256}
        if 'human_prior' in name
        else {**__net, **__finetune, 'model.cls_head.in_channels': 256, __lr: 1e-2}
        if any(method in name for method in __frame_methods)
        else {**__net, **__finetune, 'model.cls_head.in_channels': 48, __lr: 1e-3}
        if 'masked_autoencoder' in name
        else {**__net, **__finetune, 'model.cls_head.in_channels': 128},
    )
    for name in _base_.stages
}
table = dict(chance={'acc/top1': 1 / 8, 'acc/top5': 5 / 8})
