# Every method on made-up videos whose classes differ in motion alone; they are rendered where no --data-root is given.
_base_ = '../_base_/studies/every_method.py'
recipe = '../recipes/every_method_moving_shapes.py'
render = dict(num_train=320, num_test=400)
rows = dict(human_prior=dict(needs='masks'), aux_human_prior=dict(needs='masks'))
