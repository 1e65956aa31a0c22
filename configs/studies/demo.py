# `make demo`: what does a small net learn from 240 made-up videos without labels? Nothing is trained on the labels of more than
# 40 videos, five of each class. One fixed seed; 400 test videos make the standard error small.
_base_ = '../_base_/studies/every_method.py'
recipe = '../recipes/demo.py'
seeds = [0]
columns = ['probe', 'R@1', 'finetune']
ann_files = dict(pretrain='train.txt', train='labelled.txt', test='test.txt')
rows = dict(
    random=dict(title='random net', untrained='vspp'),
    scratch=dict(title='from scratch', finetune='finetune_scratch'),
    aux_vspp=dict(finetune='finetune_after_aux'),
    aux=None,
    aux_video_pace=None,
    vcop=None,
    aux_vcop=None,
    rspnet=None,
    aux_rspnet=None,
    human_prior=None,
    aux_human_prior=None,
)
few_labels = dict(counts=[])
# Four clips of each test video, not ten: the videos are short.
views = dict(num_clips=4)
options = {'finetune*.test_dataloader.dataset.pipeline.sample.num_clips': 4}
answer = dict(rows=['vspp'], columns=['probe'])
