# Figure 4, left: VSPP after 10, 20, 30 and 40 epochs, with and without the auxiliary stage. R(2+1)D, K-100, UCF101. The
# paper gives a drawing, no figures.
__epochs = (10, 20, 30, 40)
__vspp = '../vspp/vspp_r2plus1d-10_16x1x1-40e_k100-rgb.py'
__finetune = '../downstream/finetune_r2plus1d-10_16x1x1-25e_ucf101-rgb.py'
stages = dict(
    aux=dict(config='../aux_skd/aux-skd_r2plus1d-10_16x1x1-20e_k100-rgb.py'),
    vspp_alone=dict(config=__vspp),
    vspp=dict(config=__vspp, init_from='aux'),
    **{
        f'finetune_{source}_{epochs}': dict(config=__finetune, init_from=source, init_epoch=epochs)
        for source in ('vspp_alone', 'vspp')
        for epochs in __epochs
    },
)
table = dict(
    chance=dict(acc_speed=0.25, acc_segment=0.25),
    rows=[
        *(
            dict(name=f'VSPP, {epochs} epochs', stages=['vspp_alone', f'finetune_vspp_alone_{epochs}'])
            for epochs in __epochs
        ),
        *(
            dict(name=f'auxSKD + VSPP, {epochs} epochs', stages=['aux', 'vspp', f'finetune_vspp_{epochs}'])
            for epochs in __epochs
        ),
    ],
)
