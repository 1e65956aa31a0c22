_base_ = './aux-skd_r2plus1d-10_16x1x1-20e_k100-rgb.py'
model = dict(heads=dict(distill=dict(teacher_temperature=0.1, student_temperature=0.1)))
