# Seven sign words ("LSA64: An Argentinian Sign Language Dataset", Ronchetti et al., 2016): 245 clips of seven signers for
# training, 105 clips of three others for the test.
_base_ = '../_base_/studies/every_method.py'
ann_files = dict(pretrain='lsa64_train.txt', train='lsa64_train.txt', test='lsa64_test.txt')
seeds = [0, 1, 2]
group = r'_(\d+)_\d+\.'  # the signer
held_out = 2 / 7
options = {'*.train_cfg.max_epochs': 10, '*.param_scheduler.0.milestones': [6, 9]}
notes = [
    'The words were recorded in two sessions, so that the background alone tells some of them apart: compare with the random '
    'net, not with guessing.'
]
