# %% [markdown]
# # Plain PyTorch, no config
#
# You have a training loop of your own and want to keep it. Every part of videossl is an ordinary object: a data set, a
# `torch.nn.Module`, a function. This tutorial pretrains with two methods in a loop of a few lines, and measures what the
# features are worth. There is no config, no runner and no registry in it. Run the cells in a notebook, or the whole file
# by `python examples/tutorials/plain_pytorch.py`.

# %%
from pathlib import Path

import torch
from mmaction.datasets.transforms import Flip, RandomCrop, Resize
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from videossl.apis import extract_features, load_backbone
from videossl.datasets import (
    DecodeClips,
    EachClip,
    PackClips,
    SampleSegmentPace,
    VideoDataset,
    VideoReaderInit,
    write_moving_shapes,
)
from videossl.engine import DrawSampler
from videossl.evaluation import linear_probe
from videossl.models import (
    R3D,
    MemoryBank,
    MomentumPretrainer,
    PredictorNeck,
    Pretrainer,
    ProjectionNeck,
    SegmentHead,
    SimilarityDistillHead,
    SpeedHead,
)

NUM_TRAIN, NUM_TEST = 160, 160  # videos
EPOCHS, REPEATS = 4, 3  # each video is drawn three times in an epoch
WIDTH = 16  # channels of the first stage; the papers have 64
PIXELS = 32  # the papers have 112
WORK = Path('work_dirs/tutorials/plain_pytorch')

torch.manual_seed(0)
videos = write_moving_shapes(WORK / 'videos', NUM_TRAIN, NUM_TEST)

# %% [markdown]
# ## From a video to clips
#
# A data set reads videos through a list of transforms. The sampler chooses the frames of two clips, speeds up a quarter of
# each, and writes down which quarter and how fast: the labels of the pretext task. The data set ignores the labels in the
# list. `data_root` alone, a folder of your own without any list, does as well.

# %%
dataset = VideoDataset(
    data_root=str(videos),
    ann_file='train.txt',
    pipeline=[
        VideoReaderInit(),
        SampleSegmentPace(clip_len=16, num_segments=4, num_speeds=4, num_views=2),
        DecodeClips(),
        EachClip([Resize(scale=(-1, PIXELS * 9 // 8)), RandomCrop(size=PIXELS), Flip(flip_ratio=0.5)]),
        PackClips(),
    ],
)
sample = dataset[0]
print('clips, channels, frames, height, width:', tuple(sample['inputs'].shape), sample['inputs'].dtype)
print('speeds:', sample['data_samples'].gt_speed.tolist(), 'segments:', sample['data_samples'].gt_segment.tolist())

# %% [markdown]
# The loader is torch's. `DrawSampler` numbers the draws, so that a second run draws the same clips. `pseudo_collate` keeps
# a batch as a list, and the model's preprocessor makes one tensor of it: uint8 until it is on the device.

# %%
loader = DataLoader(
    dataset,
    batch_size=16,
    sampler=DrawSampler(dataset, seed=0, repeats=REPEATS),
    drop_last=True,
    collate_fn=pseudo_collate,
)

# %% [markdown]
# ## A model and a loop
#
# A pretrainer is a backbone and heads. VSPP has two heads: one predicts the speed, one the segment. The model returns a
# dict of losses and accuracies. The rest is a loop as in any tutorial of PyTorch.


# %%
def vspp():
    return Pretrainer(
        backbone=R3D(depth=10, base_channels=WIDTH),
        heads=dict(
            speed=SpeedHead(in_channels=8 * WIDTH, num_speeds=4),
            segment=SegmentHead(in_channels=8 * WIDTH, num_segments=4),
        ),
    )


def fit(model, epochs, lr, after_step=lambda: None):
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=lr, momentum=0.9, weight_decay=5e-4)
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            results = model(**model.data_preprocessor(batch, training=True), mode='loss')
            loss = sum(value for name, value in results.items() if name.startswith('loss'))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            after_step()
        print(f'epoch {epoch + 1}:', ', '.join(f'{name} {value.item():.2f}' for name, value in results.items()))


# %% [markdown]
# ## A random net to compare with
#
# An accuracy alone says little. The same net with random weights is the comparison. Its batch norms must have seen the
# videos, else they divide by the wrong numbers: one pass without gradients does it.
#
# The measure is a linear probe. The net is frozen, and a linear classifier learns the classes from its features of the
# training videos. Guessing is right for one of eight.


# %%
def probe(model):
    views = dict(num_clips=4, size=PIXELS, resize=PIXELS * 9 // 8, num_workers=0, progress=False)
    train, test = (extract_features(model, videos / f'{name}.txt', **views) for name in ('train', 'test'))
    return 100 * linear_probe(train, test)['top1']


random = vspp()
with torch.no_grad():
    for batch in loader:
        random(**random.data_preprocessor(batch, training=True), mode='loss')
accuracies = {'random net': probe(random)}

# %% [markdown]
# ## Train
#
# The loss of two heads begins near 2 log 4 = 2.8, and both accuracies begin near 0.25, which is guessing. A line shows the
# last batch of an epoch, so the numbers jump.

# %%
model = vspp()
fit(model, EPOCHS, lr=0.03)
accuracies['VSPP'] = probe(model)

# %% [markdown]
# ## A method with a teacher
#
# auxSKD has more parts: a projection, a predictor, a memory bank of embeddings of other videos, and a teacher, which is an
# average of the student over time. Student and teacher see one clip each of a video. The student learns to find the same
# videos of the bank similar as the teacher does. In the loop this is two calls more: `start_teacher` before the first
# step, and `after_step` after each. The first copies the student, the second moves the teacher and fills the bank. A
# runner has hooks for both. The losses of two methods cannot be compared; the probe can.

# %%
aux = MomentumPretrainer(
    backbone=R3D(depth=10, base_channels=WIDTH),
    necks=dict(projection=ProjectionNeck(8 * WIDTH, 128)),
    predictors=dict(projection=PredictorNeck(128, 1024, 128)),
    memory_bank=MemoryBank(size=len(dataset), dim=128),
    heads=dict(distill=SimilarityDistillHead()),
)
aux.start_teacher()
fit(aux, EPOCHS, lr=1e-3, after_step=lambda: aux.after_step(momentum=0.99))
accuracies['auxSKD'] = probe(aux)

# %% [markdown]
# ## What came of it
#
# Both methods should be above the random net. The run that this text was written with had 16.9 % for the random net, 37.5 %
# for VSPP and 29.4 % for auxSKD. Five seeds on 320 such videos had means of 18, 34 and 31 %, and single runs of VSPP lay
# between 25 and 41 %. With 160 test videos the standard error of
# such a figure is 3 to 4 points, so one run does not tell which of the two methods is better.
# [auxSKD on small data](../../docs/aux_skd_small_data.md) has these runs, and shows that its gain here does not come from the
# distillation.

# %%
for name, accuracy in accuracies.items():
    print(f'linear probe: {accuracy:.1f} % {name}')

# %% [markdown]
# ## Keep the backbone
#
# A state dict is enough, and `load_backbone` takes it if it is told the net. What a head of your own would start
# from is its map of a clip.

# %%
torch.save(model.backbone.state_dict(), WORK / 'backbone.pth')
backbone = load_backbone(WORK / 'backbone.pth', backbone=R3D(depth=10, base_channels=WIDTH))
with torch.no_grad():
    print('channels, time, height, width:', tuple(backbone(torch.zeros(1, 3, 16, PIXELS, PIXELS)).shape[1:]))

# %% [markdown]
# ## Where to go from here
#
# - [plain_pytorch.py](../plain_pytorch.py) is auxSKD as one script of less than 80 lines, for a folder of your own.
# - [Plugin](../../docs/plugin.md) has what a loop of your own must call, and when.
# - [A pretext task of your own](pretext_task.py): your sampler and your head work in this loop, too.
# - What a runner adds: exact resume, mixed precision, broken videos, several GPUs ([devices](../../docs/devices.md)).
