# CEP's clips [code]: past, current and future share crop, flip and colours, and the key has its own. The crops and colours are
# those of RSPNet.
_base_ = './relative_speed.py'
__sample = dict(_delete_=True, type='SampleCycle', clip_len=16, fps=24)
train_dataloader = dict(dataset=dict(pipeline=dict(sample=__sample, clips=dict(groups=[[0, 1, 2], [3]]))))
