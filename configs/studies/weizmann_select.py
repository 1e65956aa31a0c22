# The learning rates of VSPP and of fine-tuning on Weizmann, chosen on two of the six training actors.
_base_ = './weizmann.py'
split = 'select'
seeds = [0, 1, 2]
columns = ['probe', 'finetune']
few_labels = dict(counts=[])
rows = dict(
    aux=None,
    aux_vspp=None,
    video_pace=None,
    aux_video_pace=None,
    vcop=None,
    aux_vcop=None,
    rspnet=None,
    aux_rspnet=None,
    random_frames=None,
    shuffle_and_learn=None,
    aux_shuffle_and_learn=None,
    opn=None,
    aux_opn=None,
    human_prior=None,
    aux_human_prior=None,
)
grid = {'vspp.optim_wrapper.optimizer.lr': [3e-3, 1e-2, 3e-2], 'finetune*.optim_wrapper.optimizer.lr': [1e-2, 3e-2]}
