# Weizmann seen as motion, with longer fine-tuning. Otherwise the study weizmann.py.
_base_ = ['./weizmann.py', '../_base_/studies/motion.py']
seeds = [0, 1, 2]
views = _base_._motion.views
rows = _base_._motion.rows
options = {
    **_base_._motion.options,
    'finetune*.train_cfg.max_epochs': 25,
    'finetune*.param_scheduler.0.milestones': [15, 21],
}
