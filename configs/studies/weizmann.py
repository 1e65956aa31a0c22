# Ten actions ("Actions as Space-Time Shapes", Blank et al., 2005): 60 clips of six actors for training, 30 clips of three
# others for the test. 20 epochs of ten draws a clip are 12,000 samples, about as many as VSPP takes to be learnt.
_base_ = '../_base_/studies/every_method.py'
ann_files = dict(pretrain='weizmann_train.txt', train='weizmann_train.txt', test='weizmann_test.txt')
group = r'/([a-z]+)_'  # the actor
held_out = 1 / 3
few_labels = dict(counts=[1, 2, 5], finetune=[2])
options = {
    'aux*.train_cfg.max_epochs': 10,
    'aux*.param_scheduler.0.milestones': [6, 9],
    'finetune*.train_cfg.max_epochs': 6,
    'finetune*.param_scheduler.0.milestones': [4, 5],
}
