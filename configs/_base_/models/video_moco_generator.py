# VideoMoCo with the generator that drops frames. Ratio [secondary, code]; that the smallest scores are dropped, the weight of the
# loss, the hidden width of the LSTM [code]; that the generator does not learn from the student's loss [secondary: the paper's
# idea; in the code it does]; its convolutions [guess: the released ones take clips of 32 frames of 112x112 only]. It begins
# after 100 of 200 epochs [an author in the code's issues].
_base_ = './video_moco.py'
model = dict(
    adversary=dict(
        type='FrameDropAdversary',
        generator=dict(type='FrameDropGenerator', frame_size=16, channels=32, hidden_channels=64),
        ratio=0.25,
        drop='smallest',
        loss_weight=100.0,
        generator_sees='adversarial',
    )
)
custom_hooks = [
    dict(type='MomentumTeacherHook', momentum=0.999),
    dict(type='MemoryBankHook'),
    dict(type='AdversaryHook', start_epoch=100),
]
# Until it begins, several processes wait for no gradient of the generator.
find_unused_parameters = True
