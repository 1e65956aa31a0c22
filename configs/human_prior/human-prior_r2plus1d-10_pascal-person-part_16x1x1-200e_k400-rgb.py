_base_ = './human-prior_r2plus1d-10_16x1x1-200e_k400-rgb.py'
model = dict(
    heads=dict(
        parsing=dict(
            num_classes=7,
            teacher=dict(
                dataset='pascal-person-part', checkpoint='checkpoints/exp-schp-201908270938-pascal-person-part.pth'
            ),
        )
    )
)
