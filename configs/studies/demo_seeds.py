# The demo's question with five seeds, on the videos and lists that `make demo` leaves in work_dirs/demo/moving_shapes: how much
# does its one seed matter?
_base_ = './demo.py'
seeds = [0, 1, 2, 3, 4]
