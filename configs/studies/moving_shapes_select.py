# The settings of auxSKD on MovingShapes, chosen on held-out training videos (docs/aux_skd_small_data.md has what was found).
_base_ = './moving_shapes.py'
split = 'select'
held_out = 1 / 4
seeds = [0, 1, 2]
columns = ['probe', 'R@1']
few_labels = dict(counts=[])
rows = {name: None for name in _base_.rows if name not in ('random', 'scratch', 'aux', 'vspp', 'aux_vspp')}
grid = {'aux.custom_hooks.0.momentum': [0.9, 0.99, 1.0], 'aux.model.heads.distill.student_temperature': [0.02, 0.1]}
