# The stages of `make demo` (configs/studies/demo.py): the auxSKD paper in miniature and VCP, on the MovingShapes videos, in
# minutes on two cores: a net of a quarter of the width, short schedules with a higher learning rate, a bank no larger than
# the data.
_base_ = './laptop.py'
__pretext = {
    'model.backbone.base_channels': 16,
    'train_dataloader.sampler.repeats': 5,
    'optim_wrapper.optimizer.lr': 0.03,
    'train_cfg.max_epochs': 3,
    'param_scheduler.0.milestones': [2],
}
__vspp = {**__pretext, 'model.heads.speed.in_channels': 128, 'model.heads.segment.in_channels': 128}
# Three clips a sample: two epochs take longer than VSPP's three. In 96 frames the default tuple leaves no place for a
# remote clip.
__vcp = {
    **__pretext,
    'model.heads.operation.in_channels': 128,
    'train_dataloader.dataset.pipeline.sample.gap': 0,
    'train_cfg.max_epochs': 2,
    'param_scheduler.0.milestones': [1],
}
__finetune = {
    'model.backbone.base_channels': 16,
    'model.cls_head.in_channels': 128,
    'model.cls_head.num_classes': 8,
    'train_dataloader.batch_size': 16,
    'train_dataloader.sampler.repeats': 24,
    'optim_wrapper.optimizer.lr': 0.03,
    'train_cfg.max_epochs': 4,
    'param_scheduler.0.milestones': [3],
}
ann_files = dict(few='few.txt')
stages = dict(
    finetune_scratch=dict(ann_file='few', options=__finetune),
    vspp=dict(options=__vspp),
    finetune_vspp=dict(ann_file='few', options=__finetune),
    aux=dict(
        options={
            'model.backbone.base_channels': 16,
            'model.necks.projection.in_channels': 128,
            'model.memory_bank.size': 320,
            'train_dataloader.sampler.repeats': 4,
            'train_cfg.max_epochs': 2,
            'param_scheduler.0.milestones': [1],
        }
    ),
    vspp_after_aux=dict(options=__vspp),
    finetune_after_aux=dict(ann_file='few', options=__finetune),
    vcp=dict(config='../laptop/vcp_r3d-10_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain', options=__vcp),
    finetune_vcp=dict(_base_.stages.finetune_vspp, init_from='vcp', ann_file='few', options=__finetune),
)
table = dict(
    chance={'acc/top1': 1 / 8, 'acc/top5': 5 / 8, 'acc_operation': 1 / 5},
    rows=[*_base_.table.rows, dict(name='VCP', stages=['vcp', 'finetune_vcp'])],
)
