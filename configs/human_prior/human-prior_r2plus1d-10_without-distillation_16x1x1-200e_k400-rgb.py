# "w/o KD" of Table 2: its figures are those of "RSPNet*" in Table 1, and so it is RSPNet.
_base_ = '../rspnet/rspnet_r2plus1d-10_16x1x1-200e_k400-rgb.py'
