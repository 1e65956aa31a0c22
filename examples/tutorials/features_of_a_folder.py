# %% [markdown]
# # From a folder of videos to features and a retrieval page
#
# You have a folder of videos and no labels. This tutorial pretrains a small net on them, extracts features, and shows
# for some videos the ones that the features find most alike. It needs no GPU. Cells can be run in a notebook, and the
# whole file by `python examples/tutorials/features_of_a_folder.py`.
#
# Name your folder in `VIDEOS`. Without one, videos are rendered: a shape moves along a loop, and the form of the loop is
# the class. These have labels, which only the last part needs: it measures how good the features are.

# %%
from pathlib import Path

import torch

from videossl.apis import extract_features, init_model, load_backbone
from videossl.apis.running.train import main as train
from videossl.datasets import scan_videos, write_moving_shapes
from videossl.datasets.preparation.writing import write_list
from videossl.evaluation import clip_retrieval
from videossl.visualization import draw_retrieval_sheet, retrieval_rows

VIDEOS = None  # your folder, such as '/data/my_videos'; None: rendered videos
NUM_TRAIN, NUM_TEST = 160, 80  # videos to render
EPOCHS, REPEATS = 4, 5  # each video is drawn five times in an epoch
WIDTH = 16  # channels of the first stage; the papers have 64
WORK = Path('work_dirs/tutorials/features_of_a_folder')

# %% [markdown]
# ## Two lists
#
# Some videos are kept out of the training, to search for videos that are like them. A list has the path of a video on
# each line, relative to the folder. The lists of the rendered videos also have the labels. Of your folder every fifth
# video is kept out.

# %%
if VIDEOS is None:
    videos = write_moving_shapes(WORK / 'videos', NUM_TRAIN, NUM_TEST)
    train_list, test_list = videos / 'train.txt', videos / 'test.txt'
    classes = (videos / 'classes.txt').read_text().splitlines()
else:
    videos, classes = Path(VIDEOS), None
    entries = [(path, None) for path in scan_videos(VIDEOS)]
    train_list = write_list([entry for number, entry in enumerate(entries) if number % 5], WORK, 'train')
    test_list = write_list(entries[::5], WORK, 'test')

# %% [markdown]
# ## Pretrain
#
# The config is VSPP at 64x64 pixels: one quarter of a clip is played faster, and the net predicts which and how fast.
# `train` takes the arguments of `tools/train.py`. The log has the accuracy of both predictions; guessing is right in a
# quarter of the clips. A notebook that was interrupted continues if you add `'--resume'`. With few videos raise
# `REPEATS`: an epoch must fill a batch of 30 clips, two of a video.

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
data = ['--data-root', str(videos), '--ann-file', str(train_list.resolve())]
train([config, *data, '--work-dir', str(folder), '--cfg-options', *settings])

# %% [markdown]
# ## Features
#
# A checkpoint knows its network and its pixels, so its path is all that `load_backbone` needs. Videos are named by a
# list here; a folder or a sequence of paths works as well. The result has an array [videos, views, channels].

# %%
backbone = load_backbone(str(folder / f'epoch_{EPOCHS}.pth'))
gallery = extract_features(backbone, train_list, videos)
queries = extract_features(backbone, test_list, videos)
print(queries.features.shape, queries.paths[0])

# %% [markdown]
# ## What is alike?
#
# Each row of the picture is a video that the net has not seen, and its nearest neighbours among those that it has seen.
# With labels, a green frame is a neighbour of the same class, a red frame one of another class. Without, all frames are
# grey, and the videos go by the names of their files.

# %%
rows = retrieval_rows(gallery, queries, str(videos), classes, shown=6, k=5)
draw_retrieval_sheet(rows, 'nearest neighbours by cosine').savefig(WORK / 'retrieval.png', dpi=110)
print(f'the picture: {WORK / "retrieval.png"}')

# %% [markdown]
# ## Was the pretraining of use?
#
# A picture of some videos proves nothing. With labels there is a measure: R@1 is the share of test videos whose nearest
# neighbour has their class. The same net with random weights is the comparison. Of the rendered videos, guessing is
# right for one of eight.

# %%
if gallery.labels is not None:
    torch.manual_seed(0)
    untrained = init_model(backbone.cfg)
    random = clip_retrieval(
        extract_features(untrained, train_list, videos), extract_features(untrained, test_list, videos), ks=[1]
    )
    pretrained = clip_retrieval(gallery, queries, ks=[1])
    print(f'R@1: {100 * pretrained["R@1"]:.1f} % after pretraining, {100 * random["R@1"]:.1f} % with random weights')

# %% [markdown]
# A run of this tutorial had 20.0 % after pretraining and 10.0 % with random weights; the standard error of 80 test videos
# is about 4 points. One run says little: another seed gives another number. [Studies](../../docs/studies.md) run several
# seeds and give intervals. [Evaluation](../../docs/evaluation.md) has more measures, and
# [features](../../docs/features.md) more ways to extract them.
