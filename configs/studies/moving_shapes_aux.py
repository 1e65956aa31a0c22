# Is auxSKD in front of VSPP better than VSPP alone? Fifteen seeds, as the probes of single seeds differ by tens of points.
_base_ = './moving_shapes.py'
seeds = list(range(15))
chosen = 'The number of seeds was set when the first five had run, which are those of moving_shapes.py, too.'
columns = ['probe', 'knn', 'R@1', 'R@5']
baseline = dict(_delete_=True, features='vspp')
rows = {name: None for name in _base_.rows if name not in ('vspp', 'aux_vspp')}
answer = dict(rows=['aux_vspp'], columns=['probe', 'R@1'])
