# What is left of a pixel, chosen on two of the six training actors.
_base_ = './weizmann_motion.py'
split = 'select'
seeds = [0]
columns = ['probe', 'R@1', 'finetune']
few_labels = dict(counts=[])
rows = {name: None for name in _base_.rows if name not in ('random', 'scratch', 'vspp', 'rtt', 'transrank')}
grid = {'*.model.data_preprocessor.motion': ['clip_mean', 'difference']}
