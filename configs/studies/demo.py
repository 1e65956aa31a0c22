# `make demo`: what does a small net learn from 320 made-up videos without labels? Labels, of all of them or of a few, then
# teach a linear classifier on the frozen net; fine-tuning has five of each class. One fixed seed; 400 test videos make the
# standard error small.
_base_ = '../_base_/studies/every_method.py'
recipe = '../recipes/demo.py'
seeds = [0]
columns = ['probe', 'R@1', 'finetune']
column_titles = dict(probe='linear probe', finetune='fine-tuning, 5 labels per class')
ann_files = dict(pretrain='train.txt', train='train.txt', few='few.txt', test='test.txt')
rows = dict(
    _delete_=True,
    random=dict(title='random net', untrained='vspp'),
    scratch=dict(title='from scratch', finetune='finetune_scratch'),
    vspp=dict(title='VSPP', features='vspp', finetune='finetune_vspp'),
    aux_vspp=dict(title='auxSKD + VSPP', features='vspp_after_aux', finetune='finetune_after_aux', against=['vspp']),
    vcp=dict(title='VCP', features='vcp', finetune='finetune_vcp'),
)
few_labels = dict(counts=[5, 15], finetune=[])
# Four clips of each video, not ten, to save two minutes.
views = dict(num_clips=4)
options = {'finetune*.test_dataloader.dataset.pipeline.sample.num_clips': 4}
answer = dict(rows=['vspp', 'vcp'], columns=['probe', 'finetune'])
chosen = (
    'Sizes and lengths were chosen on other rendered videos (write_moving_shapes(seed=7)), with seeds 1 to 4, and so was VCP '
    'of five methods that do well in the study of all methods (moving_shapes), whose test videos are these. Seeds are the '
    'first ones.'
)
