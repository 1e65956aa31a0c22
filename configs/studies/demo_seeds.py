# The demo's question with five seeds, on the videos and lists that `make demo` leaves in work_dirs/demo/moving_shapes: how much
# does its one seed matter?
_base_ = './demo.py'
seeds = [0, 1, 2, 3, 4]
rows = dict(video_pace=None)
chosen = "The sizes are the demo's. The seeds are the first five; nothing was changed after the first result."
