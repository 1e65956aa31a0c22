# Does pretraining pay on your videos? --data-root FOLDER, with a list train.txt and test.txt ("path label" a line) or a folder
# for each class. The question is fixed before anything is run: fine-tuning after VSPP, and after auxSKD and VSPP, against
# fine-tuning from scratch, with all labels and with five of each class.
_base_ = '../_base_/studies/every_method.py'
seeds = [0, 1, 2]
rows = {name: None for name in _base_.rows if name not in ('random', 'scratch', 'aux', 'vspp', 'aux_vspp')}
answer = dict(rows=['vspp', 'aux_vspp'], columns=['finetune'], labels=['all', 5])
