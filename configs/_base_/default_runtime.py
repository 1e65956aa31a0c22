default_scope = 'videossl'
custom_imports = dict(imports=['videossl'], allow_failed_imports=False)

default_hooks = dict(
    runtime_info=dict(type='LateRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='PlainCheckpointHook', interval=1, max_keep_ckpts=2),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    # A run that resumes goes on bit by bit; on SIGTERM it saves and ends.
    exact_resume=dict(type='ExactResumeHook'),
    save_and_stop=dict(type='SaveAndStopHook', signals=['SIGTERM', 'SIGINT']),
    broken_videos=dict(type='BrokenVideosHook'),
    # The one switch for the precision of training, validation and test: auto, bf16, fp16 or fp32.
    precision=dict(type='PrecisionHook', precision='auto'),
    loss_guard=dict(type='LossGuardHook', max_in_a_row=10, max_total=100),
    collapse=dict(type='CollapseHook', patience=200),
)

env_cfg = dict(
    cudnn_benchmark=True, mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0), dist_cfg=dict(backend='nccl')
)

# Accuracies are averaged over the window as losses are; mmengine by itself logs the last batch's.
log_processor = dict(
    type='LogProcessor', window_size=20, by_epoch=True, mean_pattern=r'.*(loss|acc|std_|miou_|kl_|time|grad_norm).*'
)
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)

log_level = 'INFO'
load_from = None
resume = False
randomness = dict(seed=0)
