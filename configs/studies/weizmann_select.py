# The learning rates of VSPP, of RTT and of fine-tuning on Weizmann, chosen on two of the six training actors.
_base_ = './weizmann.py'
split = 'select'
chosen = None
seeds = [0, 1, 2]
columns = ['probe', 'finetune']
few_labels = dict(counts=[])
rows = {name: None for name in _base_.rows if name not in ('random', 'scratch', 'vspp', 'rtt')}
grid = {
    'vspp.optim_wrapper.optimizer.lr': [1e-3, 3e-3, 1e-2],
    'rtt.optim_wrapper.optimizer.lr': [3e-3, 1e-2],
    'finetune*.optim_wrapper.optimizer.lr': [1e-2, 3e-2],
}
