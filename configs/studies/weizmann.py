# Ten actions ("Actions as Space-Time Shapes", Blank et al., 2005): 60 clips of six actors for training, 30 clips of three
# others for the test.
_base_ = '../_base_/studies/every_method.py'
recipe = '../recipes/every_method_narrow.py'
ann_files = dict(pretrain='weizmann_train.txt', train='weizmann_train.txt', test='weizmann_test.txt')
group = r'/([a-z]+)_'  # the actor
held_out = 1 / 3
chosen = (
    'Rates, batch and lengths of VSPP and RTT were chosen on two of the six training actors, with one seed and a few trials '
    "(weizmann_select.py); VideoPace, VCOP and RSPNet have VSPP's rate, fine-tuning and the others the laptop's."
)
few_labels = dict(counts=[1, 2, 5], finetune=[])
options = {
    'aux*.train_cfg.max_epochs': 10,
    'aux*.param_scheduler.0.milestones': [6, 9],
    # 24,000 clips in batches of 16
    'vspp*.train_dataloader.batch_size': 16,
    'vspp*.optim_wrapper.optimizer.lr': 3e-3,
    'vspp*.train_cfg.max_epochs': 40,
    'vspp*.param_scheduler.0.milestones': [30, 37],
    # VSPP's rate without a trial; VideoPace its batch and length, too
    **{f'{name}*.optim_wrapper.optimizer.lr': 3e-3 for name in ('video_pace', 'vcop', 'rspnet')},
    'video_pace*.train_dataloader.batch_size': 16,
    'video_pace*.train_cfg.max_epochs': 40,
    'video_pace*.param_scheduler.0.milestones': [30, 37],
    # 33,600 clips, four of a video, in batches of 32
    'rtt*.train_cfg.max_epochs': 14,
    'rtt*.param_scheduler.0.milestones': [9, 12],
    'finetune*.train_cfg.max_epochs': 6,
    'finetune*.param_scheduler.0.milestones': [4, 5],
}
