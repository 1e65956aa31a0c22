# Every method with a net of a quarter of the width: 16 base channels, 128 in the last map. For small data and a CPU.
_base_ = './every_method.py'
__net = {'model.backbone.base_channels': 16}
__branched_net = {'model.backbone.backbone.base_channels': 16}
__necks = {'model.necks.appearance.in_channels': 128, 'model.necks.motion.in_channels': 128}
__projection = {'model.necks.projection.in_channels': 128}
__methods = dict(
    vspp={**__net, 'model.heads.speed.in_channels': 128, 'model.heads.segment.in_channels': 128},
    video_pace={**__net, 'model.heads.speed.in_channels': 128},
    vcop={**__net, 'model.heads.order.in_channels': 128},
    rspnet={**__net, **__necks},
    vcp={**__net, 'model.heads.operation.in_channels': 128},
    rtt={**__net, 'model.heads.transform.in_channels': 128, 'model.heads.rate.in_channels': 128},
    speednet={**__net, 'model.heads.speediness.in_channels': 128},
    psp={**__net, 'model.heads.order.in_channels': 128},
    prp={**__net, 'model.necks.rate.in_channels': 128, 'model.heads.reconstruction.in_channels': 128},
    shuffle_and_learn={**__net, 'model.heads.tuple.in_channels': 256},
    opn={**__net, 'model.heads.order.in_channels': 256},
    transrank={**__net, 'model.heads.ranking.in_channels': 128, 'model.heads.rotation.in_channels': 128},
    clip_consistency={**__net, **__projection},
    video_moco={**__net, **__projection},
    cep={**__net, 'model.necks.appearance.in_channels': 128, 'model.necks.cycle.in_channels': 128},
    ascnet={**__net, 'model.necks.appearance.in_channels': 128, 'model.necks.speed.in_channels': 128},
    video_moco_generator={**__net, **__projection},
    mas={**__net, 'model.heads.motion.in_channels': 128, 'model.heads.appearance.in_channels': 128},
    masked_autoencoder={**__net, 'model.heads.pixels.in_channels': 48},
    human_prior={**__branched_net, **__necks, 'model.heads.parsing.in_channels': 128},
)
# Channels of the maps of the other nets: still images, the vision transformer, two branches.
__channels = dict(shuffle_and_learn=256, opn=256, masked_autoencoder=48, human_prior=256)
__of_views = dict(__channels, human_prior=128)
stages = {
    name: dict(
        options={
            **__net,
            'model.necks.projection.in_channels': next(
                (channels for method, channels in __of_views.items() if method in name), 128
            ),
        }
        if name.startswith('aux')
        else __methods[name.removesuffix('_after_aux')]
        if not name.startswith('finetune')
        else {
            **(__branched_net if 'human_prior' in name else __net),
            'model.cls_head.in_channels': next(
                (channels for method, channels in __channels.items() if method in name), 128
            ),
        }
    )
    for name in _base_.stages
}
