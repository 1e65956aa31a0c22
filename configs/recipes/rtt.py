# RTT's own figures as later papers and lists quote them, with its own fine-tuning. Those of C3D are quoted
# for Kinetics-400 in one list, for Kinetics-600 in another.
__rtt = {
    'C3D, K-400': ('c3d', '16x1x1-100e_k400', '16x4x1-75e', '69.9', '39.6'),
    'R3D-18, UCF101': ('r3d-18', '16x1x1-128px-200e_ucf101', '16x4x1-128px-150e', '77.3', '47.5'),
    'R(2+1)D-18, UCF101': ('r2plus1d-18', '16x1x1-128px-200e_ucf101', '16x4x1-128px-150e', '81.6', '46.4'),
}
stages = {
    name: stage
    for net, pretraining, finetuning, *_ in __rtt.values()
    for name, stage in {
        f'rtt_{net}': dict(config=f'../rtt/rtt_{net}_{pretraining}-rgb.py'),
        **{
            f'finetune_{data}_{net}': dict(
                config=f'../downstream/finetune_{net}_rtt_{finetuning}_{data}-rgb.py', init_from=f'rtt_{net}'
            )
            for data in ('ucf101', 'hmdb51')
        },
    }.items()
}
table = dict(
    chance=dict(acc_transform=1 / 4),  # acc_rate depends on the length of the videos
    rows=[
        dict(name=f'RTT, {title}, {data}', stages=[f'rtt_{net}', f'finetune_{data.lower()}_{net}'], cited=figure)
        for title, (net, _, _, *cited) in __rtt.items()
        for data, figure in zip(('UCF101', 'HMDB51'), cited)
    ],
)
