_base_ = './aux-skd_caffenet_opn-views_1x1x1-80px-20e_ucf101-rgb.py'
model = dict(backbone=dict(type='VGGM'))
