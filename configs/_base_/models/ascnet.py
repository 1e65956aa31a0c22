# "ASCNet: Self-supervised Video Representation Learning with Appearance-Speed Consistency", Huang, Wu, Hu, Liu, He, Wu, Wu, Tan,
# Ding, 2021. UNVERIFIED: there is no released code. Two tasks without negatives; the clip of the same speed is another video's,
# of similar appearance [paper]; a bank, a predictor, distance of unit vectors [secondary]. Everything else [guess].
_base_ = './clip_consistency.py'
__neck = _base_.model.necks.projection
__predictor = _base_.model.predictors.projection
model = dict(
    necks=dict(_delete_=True, appearance=__neck, speed=__neck),
    predictors=dict(_delete_=True, appearance=__predictor, speed=__predictor),
    # Beside each appearance stand the clip's embedding of the speed, its speed, and the number of its video.
    memory_bank=dict(
        type='MemoryBank', size=16384, dim=256, embeddings=dict(speed=256), labels=('gt_speed', 'sample_idx')
    ),
    enqueue=('appearance', 0),
    heads=dict(
        _delete_=True,
        appearance=dict(type='ConsistencyHead', embedding_name='appearance', name='appearance'),
        speed=dict(type='SpeedConsistencyHead', embedding_name='speed', query_name='appearance'),
    ),
)
custom_hooks = [*_base_.custom_hooks, dict(type='MemoryBankHook')]
