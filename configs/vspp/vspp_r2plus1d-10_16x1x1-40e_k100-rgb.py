# Figure 4: epochs 10, 20, 30 and 40 are kept, to fine-tune each.
_base_ = [
    '../_base_/models/vspp.py',
    '../_base_/datasets/segment_pace_k100.py',
    '../_base_/schedules/sgd_40e_step6.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=10, max_keep_ckpts=-1))
