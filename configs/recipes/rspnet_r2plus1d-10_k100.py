# Table 1, rows 20 and 21, fine-tuned as the auxSKD paper does it. Its teacher starts from random weights after the
# auxiliary stage: ../rspnet/rspnet_r2plus1d-10_random-teacher_16x1x1-200e_k100-rgb.py; here it starts as the student.
__rspnet = '../rspnet/rspnet_r2plus1d-10_16x1x1-200e_k100-rgb.py'
__ucf101 = '../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py'
__hmdb51 = '../downstream/finetune_r2plus1d-10_16x1x1-25e_hmdb51-rgb.py'
stages = dict(
    rspnet_alone=dict(config=__rspnet),
    finetune_ucf101_rspnet_alone=dict(config=__ucf101, init_from='rspnet_alone'),
    finetune_hmdb51_rspnet_alone=dict(config=__hmdb51, init_from='rspnet_alone'),
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_rspnet-views_16x1x1-20e_k100-rgb.py'),
    rspnet=dict(config=__rspnet, init_from='aux'),
    finetune_ucf101=dict(config=__ucf101, init_from='rspnet'),
    finetune_hmdb51=dict(config=__hmdb51, init_from='rspnet'),
)
table = dict(
    chance=dict(acc_motion=0.5),  # acc_appearance depends on the bank
    rows=[
        dict(
            name='RSPNet, R(2+1)D, K-100, UCF101', stages=['rspnet_alone', 'finetune_ucf101_rspnet_alone'], cited='74.7'
        ),
        dict(
            name='RSPNet, R(2+1)D, K-100, HMDB51', stages=['rspnet_alone', 'finetune_hmdb51_rspnet_alone'], cited='37.4'
        ),
        dict(name='auxSKD + RSPNet, R(2+1)D, K-100, UCF101', stages=['aux', 'rspnet', 'finetune_ucf101'], cited='75.5'),
        dict(name='auxSKD + RSPNet, R(2+1)D, K-100, HMDB51', stages=['aux', 'rspnet', 'finetune_hmdb51'], cited='39.0'),
    ],
)
