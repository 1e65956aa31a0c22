# How MAS is fine-tuned is not in its released code: the auxSKD paper's fine-tuning [guess], at the pixels of the pretraining.
_base_ = ['./finetune_c3d_16x1x1-25e_hmdb51-rgb.py', '../_base_/released_code.py']
model = dict(data_preprocessor=_base_.released_code.data_preprocessor)
