_base_ = './human-prior_r2plus1d-10_16x1x1-200e_k400-rgb.py'
model = dict(
    heads=dict(
        parsing=dict(
            num_classes=18, teacher=dict(dataset='atr', checkpoint='checkpoints/exp-schp-201908301523-atr.pth')
        )
    )
)
