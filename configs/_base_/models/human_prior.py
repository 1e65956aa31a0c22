# "Human-Centered Prior-Guided and Task-Dependent Multi-Task Representation Learning for Action Recognition Pre-Training",
# Wang, Lu, Zhou, He, Wang, 2022: RSPNet on one branch of the net, human parsing on the other.
_base_ = './rspnet.py'
model = dict(
    backbone=dict(_delete_=True, type='BranchedBackbone', output='branches', backbone=dict(type='R2Plus1D', depth=10)),
    necks=dict(
        appearance=dict(branch='contrast'),
        motion=dict(branch='contrast'),
        human_map=dict(type='MapNeck', branch='human'),
    ),
    # The weights are lambda_a, lambda_m and lambda_k of Equation 7, which the paper does not give.
    heads=dict(
        appearance=dict(loss_weight=1.0),
        motion=dict(loss_weight=1.0),
        parsing=dict(
            type='ParsingDistillHead',
            in_channels=512,
            num_classes=20,
            loss_weight=1.0,
            teacher=dict(type='SCHP', dataset='lip', checkpoint='checkpoints/exp-schp-201908261155-lip.pth'),
        ),
    ),
)
