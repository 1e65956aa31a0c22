# Method and pixels, chosen on two of the six training actors.
_base_ = './weizmann_motion.py'
split = 'select'
chosen = None
seeds = [0]
columns = ['probe', 'R@1', 'finetune']
few_labels = dict(counts=[])
__rows = ('random', 'scratch', 'vspp', 'rtt', 'clip_contrast')
rows = {name: None for name in _base_.rows if name not in __rows}
grid = {'*.model.data_preprocessor.motion': ['clip_mean', 'difference']}
