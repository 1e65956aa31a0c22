# %% [markdown]
# # From a folder of videos to features and a retrieval page
#
# You have a folder of videos and no labels. This tutorial pretrains a small net on them, extracts features, and shows
# for some videos the ones that the features find most alike. It needs no GPU. Cells can be run in a notebook, and the
# whole file by `python examples/tutorials/features_of_a_folder.py`.
#
# The videos here are rendered: a shape moves along a loop, and the form of the loop is the class. With videos of your
# own, set `videos` to your folder and leave out what needs labels.

# %%
from pathlib import Path

import torch

from videossl.apis import extract_features, init_model, load_backbone
from videossl.apis.running.train import main as train
from videossl.datasets import write_moving_shapes
from videossl.evaluation import clip_retrieval
from videossl.visualization import draw_retrieval_sheet, retrieval_rows

NUM_TRAIN, NUM_TEST = 160, 80  # videos
EPOCHS, REPEATS = 4, 5  # each video is drawn five times in an epoch
WIDTH = 16  # channels of the first stage; the papers have 64
WORK = Path('work_dirs/tutorials/features_of_a_folder')

videos = write_moving_shapes(WORK / 'videos', NUM_TRAIN, NUM_TEST)

# %% [markdown]
# ## Pretrain
#
# The config is VSPP at 64x64 pixels: one quarter of a clip is played faster, and the net predicts which and how fast.
# `train` takes the arguments of `tools/train.py`. The log has the accuracy of both predictions; guessing is right in a
# quarter of the clips. A notebook that was interrupted continues if you add `'--resume'`.

# %%
config = 'videossl::laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'
settings = [
    f'train_cfg.max_epochs={EPOCHS}',
    f'param_scheduler.0.milestones=[{EPOCHS - 1}]',
    f'train_dataloader.sampler.repeats={REPEATS}',
    'optim_wrapper.optimizer.lr=0.03',
    f'model.backbone.base_channels={WIDTH}',
    f'model.heads.speed.in_channels={8 * WIDTH}',
    f'model.heads.segment.in_channels={8 * WIDTH}',
]
folder = WORK / 'pretraining'
train([config, '--data-root', str(videos / 'videos' / 'train'), '--work-dir', str(folder), '--cfg-options', *settings])

# %% [markdown]
# ## Features
#
# A checkpoint knows its network and its pixels, so its path is all that `load_backbone` needs. A list of videos is
# given here, since it has the labels that are used below; a folder works as well. The result has an array [videos,
# views, channels].

# %%
backbone = load_backbone(str(folder / f'epoch_{EPOCHS}.pth'))
gallery = extract_features(backbone, videos / 'train.txt')
queries = extract_features(backbone, videos / 'test.txt')
print(queries.features.shape, queries.paths[0])

# %% [markdown]
# ## What is alike?
#
# Each row of the picture is a video that the net has not seen, and its nearest neighbours among those that it has seen.
# A green frame is a neighbour of the same class, a red frame one of another class.

# %%
classes = (videos / 'classes.txt').read_text().splitlines()
rows = retrieval_rows(gallery, queries, str(videos), classes, shown=6, k=5)
draw_retrieval_sheet(rows, 'nearest neighbours by cosine').savefig(WORK / 'retrieval.png', dpi=110)
print(f'the picture: {WORK / "retrieval.png"}')

# %% [markdown]
# ## Was the pretraining of use?
#
# A picture of some videos proves nothing. R@1 is the share of test videos whose nearest neighbour has their class. The
# same net with random weights is the comparison. Guessing is right for one of eight.

# %%
torch.manual_seed(0)
untrained = init_model(backbone.cfg)
random = clip_retrieval(
    extract_features(untrained, videos / 'train.txt'), extract_features(untrained, videos / 'test.txt'), ks=[1]
)
pretrained = clip_retrieval(gallery, queries, ks=[1])
print(f'R@1: {100 * pretrained["R@1"]:.1f} % after pretraining, {100 * random["R@1"]:.1f} % with random weights')

# %% [markdown]
# A run of this tutorial had 23.8 % after pretraining and 10.0 % with random weights; the standard error of 80 test videos is
# 5 points. One run says little: another seed gives another number. [Studies](../../docs/studies.md) run several seeds and give
# intervals. [Evaluation](../../docs/evaluation.md) has more measures, and [features](../../docs/features.md) more ways
# to extract them.
