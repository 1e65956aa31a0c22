# "The same [...] training strategy as the pretraining stage except for the initial learning rate". The ten draws of each video
# are read as pretraining's alone; train_dataloader.sampler.repeats=10 is the other reading.
_base_ = [
    '../_base_/models/recognizer.py',
    '../_base_/datasets/classification.py',
    '../_base_/schedules/sgd_20e_step6.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=3e-3))
train_cfg = dict(max_epochs=25)
train_dataloader = dict(dataset=_base_.ucf101.train)
test_dataloader = dict(dataset=_base_.ucf101.test)
