# Rows and columns of all studies. A study inherits them, names its recipe and data, and may leave rows out with None.
recipe = '../recipes/every_method.py'
seeds = [0, 1, 2, 3, 4]
columns = ['probe', 'knn', 'R@1', 'R@5', 'finetune']
# The net before training; batch norm has measured the videos. Without pretraining everything is learnt from the labels.
baseline = dict(features='random', finetune='scratch')
rows = dict(
    random=dict(title='random net', untrained='vspp'),
    scratch=dict(title='from scratch', finetune='finetune_scratch'),
    aux=dict(title='auxSKD alone', features='aux', finetune='finetune_aux'),
    vspp=dict(title='VSPP', features='vspp', finetune='finetune_vspp'),
    aux_vspp=dict(
        title='auxSKD + VSPP', features='vspp_after_aux', finetune='finetune_vspp_after_aux', against=['vspp']
    ),
    video_pace=dict(title='VideoPace', features='video_pace', finetune='finetune_video_pace'),
    aux_video_pace=dict(
        title='auxSKD + VideoPace',
        features='video_pace_after_aux',
        finetune='finetune_video_pace_after_aux',
        against=['video_pace'],
    ),
    vcop=dict(title='VCOP', features='vcop', finetune='finetune_vcop'),
    aux_vcop=dict(
        title='auxSKD + VCOP', features='vcop_after_aux', finetune='finetune_vcop_after_aux', against=['vcop']
    ),
    rspnet=dict(title='RSPNet', features='rspnet', finetune='finetune_rspnet'),
    aux_rspnet=dict(
        title='auxSKD + RSPNet', features='rspnet_after_aux', finetune='finetune_rspnet_after_aux', against=['rspnet']
    ),
    vcp=dict(title='VCP', features='vcp', finetune='finetune_vcp'),
    aux_vcp=dict(title='auxSKD + VCP', features='vcp_after_aux', finetune='finetune_vcp_after_aux', against=['vcp']),
    rtt=dict(title='RTT', features='rtt', finetune='finetune_rtt'),
    aux_rtt=dict(title='auxSKD + RTT', features='rtt_after_aux', finetune='finetune_rtt_after_aux', against=['rtt']),
    speednet=dict(title='SpeedNet', features='speednet', finetune='finetune_speednet'),
    aux_speednet=dict(
        title='auxSKD + SpeedNet',
        features='speednet_after_aux',
        finetune='finetune_speednet_after_aux',
        against=['speednet'],
    ),
    psp=dict(title='PSP', features='psp', finetune='finetune_psp'),
    aux_psp=dict(title='auxSKD + PSP', features='psp_after_aux', finetune='finetune_psp_after_aux', against=['psp']),
    prp=dict(title='PRP', features='prp', finetune='finetune_prp'),
    aux_prp=dict(title='auxSKD + PRP', features='prp_after_aux', finetune='finetune_prp_after_aux', against=['prp']),
    # Nets of still images, to be compared with one before training.
    random_frames=dict(title='random CaffeNet', untrained='opn'),
    shuffle_and_learn=dict(
        title='Shuffle & Learn',
        features='shuffle_and_learn',
        finetune='finetune_shuffle_and_learn',
        against=['random_frames'],
    ),
    aux_shuffle_and_learn=dict(
        title='auxSKD + Shuffle & Learn',
        features='shuffle_and_learn_after_aux',
        finetune='finetune_shuffle_and_learn_after_aux',
        against=['shuffle_and_learn'],
    ),
    opn=dict(title='OPN', features='opn', finetune='finetune_opn', against=['random_frames']),
    aux_opn=dict(title='auxSKD + OPN', features='opn_after_aux', finetune='finetune_opn_after_aux', against=['opn']),
    transrank=dict(title='TransRank', features='transrank', finetune='finetune_transrank'),
    aux_transrank=dict(
        title='auxSKD + TransRank',
        features='transrank_after_aux',
        finetune='finetune_transrank_after_aux',
        against=['transrank'],
    ),
    clip_consistency=dict(title='clip consistency', features='clip_consistency', finetune='finetune_clip_consistency'),
    aux_clip_consistency=dict(
        title='auxSKD + clip consistency',
        features='clip_consistency_after_aux',
        finetune='finetune_clip_consistency_after_aux',
        against=['clip_consistency'],
    ),
    video_moco=dict(title='VideoMoCo without generator', features='video_moco', finetune='finetune_video_moco'),
    aux_video_moco=dict(
        title='auxSKD + VideoMoCo without generator',
        features='video_moco_after_aux',
        finetune='finetune_video_moco_after_aux',
        against=['video_moco'],
    ),
    # Maps of tools/data/extract_parsing.py, in a folder beside the videos.
    human_prior=dict(title='human prior', features='human_prior', finetune='finetune_human_prior', needs='parsing_lip'),
    aux_human_prior=dict(
        title='auxSKD + human prior',
        features='human_prior_after_aux',
        finetune='finetune_human_prior_after_aux',
        against=['human_prior'],
        needs='parsing_lip',
    ),
)
# Fine-tuning with few labels repeats the list more often, so that it takes as many iterations as with all.
few_labels = dict(counts=[1, 2, 5, 10], finetune=[5], repeats='train_dataloader.sampler.repeats')
protocol = 'auxskd'
views = dict(size=64, resize=72)
options = {'all.default_hooks.checkpoint.max_keep_ckpts': 1}
