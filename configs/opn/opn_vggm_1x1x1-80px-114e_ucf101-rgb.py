# The net of the published figures. Its training is not released: CaffeNet's schedule and width of fc6 are guesses.
_base_ = './opn_caffenet_1x1x1-80px-114e_ucf101-rgb.py'
model = dict(backbone=dict(type='VGGM'))
