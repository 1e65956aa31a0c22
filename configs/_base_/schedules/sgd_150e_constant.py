# Fine-tuning after VCOP. (Its code has two groups of parameters, the last two stages with the classifier and the rest,
# but one learning rate for both, which is one group.)
_base_ = './sgd_300e_constant.py'
train_cfg = dict(max_epochs=150)
