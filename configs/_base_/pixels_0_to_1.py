# RGB in 0..1: the pixels of VCOP's released code, which subtracts no mean and divides by no standard deviation.
pixels_0_to_1 = dict(mean=(0, 0, 0), std=(255, 255, 255))
