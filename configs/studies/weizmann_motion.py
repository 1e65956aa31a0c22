# Weizmann seen as motion, with longer fine-tuning. Otherwise the study weizmann.py.
_base_ = ['./weizmann.py', '../_base_/studies/motion.py']
recipe = _base_._motion.recipe
seeds = [0, 1, 2]
chosen = (
    'Pixels and method were chosen with two of the six training actors held out, with one seed and a few trials '
    '(weizmann_motion_select.py); the frame and the length of fine-tuning were set beforehand.'
)
views = _base_._motion.views
few_labels = dict(finetune=[2])
rows = _base_._motion.rows
options = {
    **_base_._motion.options,
    # 24,000 clips, two of a video, in batches of 40
    'clip_contrast.train_cfg.max_epochs': 200,
    'clip_contrast.param_scheduler.0.milestones': [140, 180],
    # 15,000 clips
    'finetune*.train_cfg.max_epochs': 25,
    'finetune*.param_scheduler.0.milestones': [15, 21],
}
