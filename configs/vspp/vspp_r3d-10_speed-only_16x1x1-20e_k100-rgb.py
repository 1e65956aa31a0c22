_base_ = './vspp_r3d-10_16x1x1-20e_k100-rgb.py'
model = dict(heads=dict(_delete_=True, speed=_base_.model.heads.speed))
