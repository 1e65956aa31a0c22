# Does pretraining pay on your videos? --data-root FOLDER, with a list train.txt and test.txt ("path label" a line) or a folder
# for each class. The question is fixed before anything is run: fine-tuning after VSPP, and after auxSKD and VSPP, against
# fine-tuning from scratch, with all labels and with five of each class.
_base_ = '../_base_/studies/every_method.py'
seeds = [0, 1, 2]
rows = dict(
    video_pace=None,
    aux_video_pace=None,
    vcop=None,
    aux_vcop=None,
    rspnet=None,
    aux_rspnet=None,
    vcp=None,
    aux_vcp=None,
    rtt=None,
    aux_rtt=None,
    transrank=None,
    aux_transrank=None,
    clip_consistency=None,
    aux_clip_consistency=None,
    video_moco=None,
    aux_video_moco=None,
    human_prior=None,
    aux_human_prior=None,
)
answer = dict(rows=['vspp', 'aux_vspp'], columns=['finetune'], labels=['all', 5])
