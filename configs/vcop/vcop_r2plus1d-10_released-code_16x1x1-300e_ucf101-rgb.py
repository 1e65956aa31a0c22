# The released code runs the net once for each position of the tuple: its batch norms see one clip of each video at a time.
_base_ = './vcop_r2plus1d-10_16x1x1-300e_ucf101-rgb.py'
model = dict(pass_per_view=True)
