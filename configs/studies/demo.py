# `make demo`: what does a small net learn from 240 made-up videos without labels? The labels of 120 of them (15 of each class)
# then teach a linear classifier on the frozen net; fine-tuning has 40 (five of each class). One fixed seed; 400 test videos
# make the standard error small.
_base_ = '../_base_/studies/every_method.py'
recipe = '../recipes/demo.py'
seeds = [0]
columns = ['probe', 'R@1', 'finetune']
column_titles = dict(probe='linear probe', finetune='fine-tuning, 5 labels per class')
ann_files = dict(pretrain='train.txt', train='labelled.txt', few='few.txt', test='test.txt')
rows = dict(
    _delete_=True,
    random=dict(title='random net', untrained='vspp'),
    scratch=dict(title='from scratch', finetune='finetune_scratch'),
    vspp=dict(title='VSPP', features='vspp', finetune='finetune_vspp'),
    aux_vspp=dict(title='auxSKD + VSPP', features='vspp_after_aux', finetune='finetune_after_aux', against=['vspp']),
    video_pace=dict(title='VideoPace', features='video_pace', finetune='finetune_video_pace'),
)
few_labels = dict(counts=[])
# Four clips of each test video, not ten, to save a minute.
options = {'finetune*.test_dataloader.dataset.pipeline.sample.num_clips': 4}
answer = dict(rows=['vspp'], columns=['probe', 'finetune'])
