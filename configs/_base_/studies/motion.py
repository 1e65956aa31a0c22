# For cameras that stand still: background subtraction, and the whole frame squeezed to a square instead of its middle.
__without = ('shuffle_and_learn', 'opn', 'masked_autoencoder', 'human_prior')
_motion = dict(
    recipe='../recipes/motion_narrow.py',
    views=dict(resize=(72, 72)),
    options={
        '*.model.data_preprocessor.type': 'ClipDataPreprocessor',
        '*.model.data_preprocessor.motion': 'clip_mean',
        '*.train_dataloader.dataset.pipeline.clips.transforms.resize.scale': (72, 72),
        '*.train_dataloader.dataset.pipeline.clips.transforms.resize.keep_ratio': False,
        'finetune*.test_dataloader.dataset.pipeline.resize.scale': (72, 72),
        'finetune*.test_dataloader.dataset.pipeline.resize.keep_ratio': False,
    },
    rows=dict(
        # Not the methods that need single frames or the pixels as they were.
        **dict.fromkeys(('random_frames', 'random_vit', *__without, *(f'aux_{name}' for name in __without))),
        clip_contrast=dict(
            title='clip contrast', features='clip_contrast', finetune='finetune_clip_contrast', against=['vspp']
        ),
    ),
)
