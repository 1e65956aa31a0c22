# The laptop recipe on the Weizmann actions ("Actions as Space-Time Shapes", Blank et al., 2005): 60 clips of six actors to
# pretrain and fine-tune on, 30 clips of three others to test on. 20 epochs of ten draws a clip are 12,000 samples: about
# as many as the pretext task takes to be learnt.
_base_ = './laptop.py'
__finetune = {'train_cfg.max_epochs': 6, 'param_scheduler.0.milestones': [4, 5], 'model.cls_head.num_classes': 10}
ann_files = dict(pretrain='weizmann_train.txt', train='weizmann_train.txt', test='weizmann_test.txt')
stages = dict(
    finetune_scratch=dict(options=__finetune),
    finetune_vspp=dict(options=__finetune),
    aux=dict(options={'train_cfg.max_epochs': 10, 'param_scheduler.0.milestones': [6, 9]}),
    finetune_after_aux=dict(options=__finetune),
)
table = dict(chance={'acc/top1': 1 / 10, 'acc/top5': 1 / 2})
