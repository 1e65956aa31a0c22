# LSA64's sign words seen as motion. Otherwise the study lsa64.py.
_base_ = ['./lsa64.py', '../_base_/studies/motion.py']
recipe = _base_._motion.recipe
chosen = 'Pixels, method, rates and batches are those of the study weizmann_motion; nothing was chosen on these videos.'
views = _base_._motion.views
few_labels = dict(finetune=[2])
rows = _base_._motion.rows
options = {
    **_base_._motion.options,
    # 24,000 clips, two of a video, in batches of 40
    'clip_contrast.train_cfg.max_epochs': 50,
    'clip_contrast.param_scheduler.0.milestones': [35, 45],
}
