# The laptop recipe on the Weizmann actions ("Actions as Space-Time Shapes", Blank et al., 2005): 60 clips of six actors to
# pretrain and fine-tune on, 30 clips of three others to test on. 30 epochs of ten draws a clip are 18,000 samples, after
# which the pretext task is learnt.
_base_ = './laptop.py'
__vspp = {'train_cfg.max_epochs': 30, 'param_scheduler.0.milestones': [18, 26]}
__finetune = {'train_cfg.max_epochs': 8, 'param_scheduler.0.milestones': [5, 7], 'model.cls_head.num_classes': 10}
ann_files = dict(pretrain='weizmann_train.txt', train='weizmann_train.txt', test='weizmann_test.txt')
stages = dict(
    finetune_scratch=dict(options=__finetune),
    vspp=dict(options=__vspp),
    finetune_vspp=dict(options=__finetune),
    aux=dict(options={'train_cfg.max_epochs': 15, 'param_scheduler.0.milestones': [9, 13]}),
    vspp_after_aux=dict(options=__vspp),
    finetune_after_aux=dict(options=__finetune))
table = dict(chance={'acc/top1': 1 / 10, 'acc/top5': 1 / 2})
