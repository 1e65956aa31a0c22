# Every pretext method, alone and behind auxSKD with its own views, fine-tuned and tested, at 64x64 pixels. configs/studies runs
# it with several seeds. The human prior reads stored maps: tools/data/extract_parsing.py.
__laptop = '../laptop/{}_16x1x1-64px-20e_videos-rgb.py'
__finetune = dict(config=__laptop.format('finetune_r3d-10'), ann_file='train', test_ann_file='test')
__finetune_branched = dict(__finetune, config=__laptop.format('finetune_human-prior-r3d-10'))
__finetune_grouped = dict(__finetune, config=__laptop.format('finetune_psp-r3d-10'))
# Nets of still images: clips of one frame, and fine-tuning on 16 frames.
__frames = '../laptop/{}_1x1x1-64px-20e_videos-rgb.py'
__frame_tuples = __frames.format('shuffle-and-learn_caffenet')
__finetune_frames = dict(__finetune, config=__laptop.format('finetune_caffenet'))
# A vision transformer, with an optimiser of its own.
__masked_autoencoder = __laptop.format('masked-autoencoder_vit-ti')
__finetune_vit = dict(__finetune, config=__laptop.format('finetune_vit-ti'))
# A method's title, its config, the stage of auxSKD in front of it, and its fine-tuning.
__methods = dict(
    vspp=('VSPP', 'vspp_r3d-10', 'aux', __finetune),
    video_pace=('VideoPace', 'video-pace_r3d-10', 'aux_video_pace_views', __finetune),
    vcop=('VCOP', 'vcop_r3d-10', 'aux_vcop_views', __finetune),
    rspnet=('RSPNet', 'rspnet_r3d-10', 'aux_rspnet_views', __finetune),
    vcp=('VCP', 'vcp_r3d-10', 'aux_vcp_views', __finetune),
    rtt=('RTT', 'rtt_r3d-10', 'aux_rtt_views', __finetune),
    speednet=('SpeedNet', 'speednet_r3d-10', 'aux_speednet_views', __finetune),
    psp=('PSP', 'psp_r3d-10', 'aux_psp_views', __finetune_grouped),
    prp=('PRP', 'prp_r3d-10', 'aux_prp_views', __finetune),
    shuffle_and_learn=('Shuffle & Learn', __frame_tuples, 'aux_shuffle_and_learn_views', __finetune_frames),
    opn=('OPN', __frames.format('opn_caffenet'), 'aux_opn_views', __finetune_frames),
    transrank=('TransRank', 'transrank_r3d-10', 'aux_transrank_views', __finetune),
    clip_consistency=('clip consistency', 'clip-consistency_r3d-10', 'aux_clip_consistency_views', __finetune),
    video_moco=('VideoMoCo without generator', 'video-moco_r3d-10', 'aux_video_moco_views', __finetune),
    cep=('CEP', 'cep_r3d-10', 'aux_cep_views', __finetune),
    ascnet=('ASCNet', 'ascnet_r3d-10', 'aux_clip_consistency_views', __finetune),
    video_moco_generator=('VideoMoCo', 'video-moco_r3d-10_generator', 'aux_video_moco_views', __finetune),
    mas=('MAS', 'mas_r3d-10', 'aux_mas_views', __finetune),
    masked_autoencoder=('masked autoencoder', __masked_autoencoder, 'aux_masked_autoencoder_views', __finetune_vit),
    human_prior=('human prior', 'human-prior_r3d-10_cached-maps', 'aux_rspnet_views', __finetune_branched),
)
__views = {
    aux: aux.removeprefix('aux').replace('_', '-').replace('-', '_', 1)
    for _, config, aux, _ in __methods.values()
    if not config.endswith('.py')
}
ann_files = dict(pretrain='train.txt', train='train.txt', test='test.txt')
stages = dict(
    finetune_scratch=dict(__finetune),
    **{
        name: dict(config=__laptop.format(f'aux-skd_r3d-10{views}'), ann_file='pretrain')
        for name, views in __views.items()
    },
    aux_shuffle_and_learn_views=dict(
        config=__frames.format('aux-skd_caffenet_shuffle-and-learn-views'), ann_file='pretrain'
    ),
    aux_opn_views=dict(config=__frames.format('aux-skd_caffenet_opn-views'), ann_file='pretrain'),
    aux_masked_autoencoder_views=dict(
        config=__laptop.format('aux-skd_vit-ti_masked-autoencoder-views'), ann_file='pretrain'
    ),
    finetune_aux=dict(__finetune, init_from='aux'),
    **{
        name: stage
        for method, (_, config, aux, finetune) in __methods.items()
        for path in [config if config.endswith('.py') else __laptop.format(config)]
        for name, stage in {
            method: dict(config=path, ann_file='pretrain'),
            f'{method}_after_aux': dict(config=path, ann_file='pretrain', init_from=aux),
            f'finetune_{method}': dict(finetune, init_from=method),
            f'finetune_{method}_after_aux': dict(finetune, init_from=f'{method}_after_aux'),
        }.items()
    },
)
table = dict(
    chance=dict(
        acc_speed=1 / 4,
        acc_segment=1 / 4,
        acc_order=1 / 6,
        acc_motion=1 / 2,
        acc_appearance=1 / 256,
        acc_operation=1 / 5,
        acc_transform=1 / 4,
        acc_speediness=1 / 2,
        acc_rate=1 / 4,
        acc_tuple=3 / 4,
        acc_frame_order=1 / 12,
        acc_ranking=1 / 3,
        acc_rotation=1 / 4,
        acc_video=1 / 256,
        acc_direction=1 / 2,
        acc_same_speed=1 / 2,
    ),
    rows=[
        dict(name='scratch', stages=['finetune_scratch']),
        dict(name='auxSKD', stages=['aux', 'finetune_aux']),
        *(
            row
            for method, (title, _, aux, _) in __methods.items()
            for row in (
                dict(name=title, stages=[method, f'finetune_{method}']),
                dict(name=f'auxSKD + {title}', stages=[aux, f'{method}_after_aux', f'finetune_{method}_after_aux']),
            )
        ),
    ],
)
