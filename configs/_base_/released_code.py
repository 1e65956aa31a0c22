# What the released code of both stages does otherwise than the paper says. Which of the two gave the paper's numbers is
# not known. The `..._released-code_...` configs read these; each adds what is its stage's alone.
released_code = dict(
    weight_decay=5e-3,
    # Raw pixels 0..255, blue first.
    data_preprocessor=dict(mean=(0, 0, 0), std=(1, 1, 1), to_bgr=True),
    sampling=dict(inclusive_end=True, overrun='loop'),
)
