# Six interactions of two people ("UT-Interaction Dataset, ICPR contest on Semantic Description of Human Activities", Ryoo and
# Aggarwal, 2010): whole sequences are held out for the test.
_base_ = './weizmann.py'
ann_files = dict(pretrain='ut_train.txt', train='ut_train.txt', test='ut_test.txt')
group = r'set\d_\d+_(\d+)_'  # the sequence
held_out = 1 / 4
chosen = 'Rates, batches and lengths are those of the Weizmann study; nothing was chosen on these videos.'
few_labels = dict(counts=[1, 2, 5, 10], finetune=[])
