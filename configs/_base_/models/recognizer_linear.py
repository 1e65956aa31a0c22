# A linear classifier on a frozen backbone, whose batch norms keep their statistics.
_base_ = './recognizer.py'
model = dict(backbone=dict(frozen_stages=4, norm_eval=True))
