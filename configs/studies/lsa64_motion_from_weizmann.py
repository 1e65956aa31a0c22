# The study lsa64_motion.py with another pretraining: on Weizmann's training clips alone, so that no sign word is seen before the
# labels are.
_base_ = './lsa64_motion.py'
ann_files = dict(pretrain='weizmann_train.txt')
few_labels = dict(finetune=[])
options = {'clip_contrast.train_cfg.max_epochs': 200, 'clip_contrast.param_scheduler.0.milestones': [140, 180]}
