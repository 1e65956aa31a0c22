# auxSKD, VSPP and fine-tuning at 64x64 pixels, beside fine-tuning from scratch and after VSPP alone, for a small set of
# videos and no accelerator. A folder without labels: --data-root FOLDER --stage vspp_after_aux. With labels:
# --data-root FOLDER --ann-file pretrain=LIST train=LIST test=LIST --cfg-options all.model.cls_head.num_classes=N
__vspp = dict(config='../laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain')
__finetune = dict(
    config='../laptop/finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py', ann_file='train', test_ann_file='test'
)
ann_files = dict(pretrain='train.txt', train='train.txt', test='test.txt')
stages = dict(
    finetune_scratch=dict(__finetune),
    vspp=dict(__vspp),
    finetune_vspp=dict(__finetune, init_from='vspp'),
    aux=dict(config='../laptop/aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py', ann_file='pretrain'),
    vspp_after_aux=dict(__vspp, init_from='aux'),
    finetune_after_aux=dict(__finetune, init_from='vspp_after_aux'),
)
table = dict(
    chance={'acc_speed': 1 / 4, 'acc_segment': 1 / 4},
    rows=[
        dict(name='scratch', stages=['finetune_scratch']),
        dict(name='VSPP', stages=['vspp', 'finetune_vspp']),
        dict(name='auxSKD + VSPP', stages=['aux', 'vspp_after_aux', 'finetune_after_aux']),
    ],
)
