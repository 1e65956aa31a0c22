# %% [markdown]
# # Weights of others: import them, continue on your videos, know when to stop
#
# Somebody has published weights. You have other videos, most of them without labels. This tutorial imports the weights,
# continues pretraining on your videos at a tenth of the learning rate, and watches retrieval before, during and after.
# Features can get worse by more training, so a rule says when to stop and which weights to keep. It is fixed before
# anything is trained. It needs no GPU. Run the cells in a notebook, or the whole file by
# `python examples/tutorials/weights_of_others.py`.

# %%
from pathlib import Path

import numpy as np
import torch
from mmengine.hooks import Hook
from torch import nn

from videossl.apis import extract_features, init_model, load_backbone
from videossl.apis.running.train import main as train
from videossl.checkpoints import import_backbone, write_weights
from videossl.config_files import load_config
from videossl.datasets import MovingShapes, write_moving_shapes
from videossl.evaluation import clip_retrieval
from videossl.registry import HOOKS
from videossl.visualization import read_scalars

NUM_TRAIN, NUM_TEST = 320, 160  # videos
THEIR_VIDEOS, THEIR_STEPS = 160, 200
EPOCHS, REPEATS = 8, 4  # each video is drawn four times in an epoch
WIDTH = 16  # channels of the first stage; the papers have 64
WORK = Path('work_dirs/tutorials/weights_of_others')

# %% [markdown]
# ## Somebody else's file
#
# Real files are downloaded. This tutorial runs without a network, so it makes one: a net with torchvision's layers and
# names, written in plain PyTorch without videossl, narrow, and trained with labels on other videos than yours. The videos
# are rendered: a shape moves along a loop. Theirs have four kinds of loops, yours will have eight. The weights are
# therefore not those of torchvision, but the file looks like theirs, and everything below is the same with a real one.


# %%
def conv(channels, out, stride=1):
    return nn.Conv3d(channels, out, 3, stride, 1, bias=False)


class Block(nn.Module):
    def __init__(self, channels, out, stride):
        super().__init__()
        self.conv1 = nn.Sequential(conv(channels, out, stride), nn.BatchNorm3d(out), nn.ReLU())
        self.conv2 = nn.Sequential(conv(out, out), nn.BatchNorm3d(out))
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv3d(channels, out, 1, stride, bias=False), nn.BatchNorm3d(out))

    def forward(self, x):
        return torch.relu(self.conv2(self.conv1(x)) + (x if self.downsample is None else self.downsample(x)))


class TheirNet(nn.Module):
    def __init__(self, width, num_classes):
        super().__init__()
        stem = nn.Conv3d(3, width, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm3d(width), nn.ReLU())
        self.layer1 = nn.Sequential(Block(width, width, 1))
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2))
        self.layer3 = nn.Sequential(Block(2 * width, 4 * width, 2))
        self.layer4 = nn.Sequential(Block(4 * width, 8 * width, 2))
        self.fc = nn.Linear(8 * width, num_classes)

    def features(self, clips):
        return self.layer4(self.layer3(self.layer2(self.layer1(self.stem(clips)))))

    def forward(self, clips):
        return self.fc(self.features(clips).mean((2, 3, 4)))


WORK.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
mean, std = torch.tensor([110.2008, 100.63983, 95.99475]), torch.tensor([58.14765, 56.46975, 55.332195])
their_shapes = MovingShapes(num_classes=4, num_frames=32, seed=1)
frames, _, labels = zip(*(their_shapes.render(index) for index in range(THEIR_VIDEOS)))
frames, labels = torch.from_numpy(np.stack(frames)), torch.tensor(labels)
their_net = TheirNet(WIDTH, num_classes=4)
optimizer = torch.optim.SGD(their_net.parameters(), lr=0.03, momentum=0.9, weight_decay=5e-4)
for step in range(THEIR_STEPS):
    chosen = torch.randint(THEIR_VIDEOS, (16,))
    places = torch.randint(16, (16, 3)).tolist()
    clips = [frames[index, t : t + 16, y : y + 64, x : x + 64] for index, (t, y, x) in zip(chosen, places)]
    scores = their_net(((torch.stack(clips) - mean) / std).permute(0, 4, 1, 2, 3))
    loss = nn.functional.cross_entropy(scores, labels[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (step + 1) % 50 == 0:
        right = (scores.argmax(1) == labels[chosen]).float().mean()
        print(f'their step {step + 1}: loss {loss.item():.2f}, {100 * right:.0f} % of the batch right')
torch.save(their_net.eval().state_dict(), WORK / 'theirs.pth')

# %% [markdown]
# ## Import
#
# `import_backbone` recognises the layout by the names in the file. It takes the backbone's tensors, drops the classifier,
# and stops if any tensor is missing or has another shape. The file also needs the right pixels: the families of files
# differ in them, and wrong pixels make good weights look bad. The importer knows the pixels of each family. For a
# published file the command is
#
# ```bash
# videossl import theirs.pth --out ours.pth
# ```
#
# [Weights](../../docs/weights.md) lists the families. Mind the licence that the report prints.

# %%
imported = import_backbone(WORK / 'theirs.pth')
write_weights(WORK / 'ours.pth', imported.tensors, imported.meta)
print(imported.report)
print(imported.meta['data_preprocessor'])

# %% [markdown]
# Their code and ours give the same features, so nothing was lost:

# %%
ours = load_backbone(WORK / 'ours.pth')
clip = torch.randn(1, 3, 16, 64, 64)
with torch.no_grad():
    print(f'largest difference: {(their_net.features(clip) - ours(clip)).abs().max().item():.1e}')

# %% [markdown]
# ## Your videos
#
# Half of the training videos are used for pretraining, and their labels only as the gallery of the retrieval. The other
# half is held out: the stop rule looks at them. The test videos are looked at once, at the end. A number that chose
# something is no result any more.

# %%
videos = write_moving_shapes(WORK / 'videos', NUM_TRAIN, NUM_TEST)
lines = (videos / 'train.txt').read_text().splitlines(keepends=True)
(videos / 'gallery.txt').write_text(''.join(lines[: NUM_TRAIN // 2]))
(videos / 'held_out.txt').write_text(''.join(lines[NUM_TRAIN // 2 :]))


# %% [markdown]
# ## Before
#
# R@1 is the share of videos whose nearest neighbour in the gallery has their class. Guessing is right for one of eight. A
# net with random weights tells whether their weights are of any use to you.


# %%
def retrieval(net, queries):
    views = dict(num_clips=3, size=64, resize=72, num_workers=0, progress=False)
    gallery, queries = (extract_features(net, videos / f'{name}.txt', **views) for name in ('gallery', queries))
    return clip_retrieval(gallery, queries, ks=[1])['R@1']


config = load_config('videossl::laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py')
config.model.backbone.base_channels = WIDTH
for head in config.model.heads.values():
    head.in_channels = 8 * WIDTH
config.model.data_preprocessor = imported.meta['data_preprocessor']
torch.manual_seed(0)
before, random = retrieval(ours, 'held_out'), retrieval(init_model(config), 'held_out')
print(f'held-out R@1: {100 * before:.1f} % with their weights, {100 * random:.1f} % with random weights')

# %% [markdown]
# ## The rule
#
# 1. R@1 of the held-out videos is measured after every epoch. When it has not been above its best for two epochs, training
#    stops.
# 2. The epoch with the best R@1 is taken, but only if it leads "before" by more than two standard errors. Else their
#    weights stay.
#
# The first part is a hook. `FeatureEvaluationHook` measures, and the hook behind it reads.


# %%
@HOOKS.register_module(force=True)
class StopRule(Hook):
    """Stops training when R@1 has not risen for ``patience`` epochs."""

    priority = 'LOWEST'

    def __init__(self, before, patience=2):
        self.before, self.patience = before, patience

    def after_train_epoch(self, runner):
        history = [self.before, *runner.message_hub.get_scalar('eval/R@1').data[0]]
        if len(history) - 1 - int(np.argmax(history)) >= self.patience:
            runner.logger.info(f'R@1 has not risen for {self.patience} epochs')
            runner.train_loop.stop_training = True


# %% [markdown]
# ## Continue
#
# The task is VSPP: one quarter of a clip is played faster, and the net predicts which and how fast. The learning rate is a
# tenth of the config's, and stays. A net that starts from random weights needs large steps; a trained one would forget by
# them. `--init-from` takes the backbone of the imported file. The heads start anew. The log names the tensors that were
# taken, and has R@1 after each epoch.

# %%
config.optim_wrapper.optimizer.lr /= 10
config.param_scheduler = []
config.train_cfg.max_epochs = EPOCHS
config.train_dataloader.sampler.repeats = REPEATS
config.default_hooks.checkpoint.max_keep_ckpts = -1
config.custom_hooks = [
    dict(
        type='FeatureEvaluationHook',
        data_root=str(videos),
        train_list='gallery.txt',
        test_list='held_out.txt',
        num_clips=3,
    ),
    dict(type='StopRule', before=before),
]
config.dump(WORK / 'continue.py')
folder = WORK / 'continued'
start = ['--init-from', str(WORK / 'ours.pth'), '--data-root', str(videos), '--ann-file', 'gallery.txt']
train([str(WORK / 'continue.py'), '--work-dir', str(folder), *start])

# %% [markdown]
# ## After
#
# The rule decides by the held-out videos. Then the test videos are looked at, for both nets, whatever was decided.

# %%
during = [entry['eval/R@1'] for entry in read_scalars(folder) if 'eval/R@1' in entry]
print('held-out R@1 in %, before and after each epoch:', *(f'{100 * value:.1f}' for value in [before, *during]))
best = int(np.argmax(during)) + 1
lead = during[best - 1] - before
error = np.sqrt(before * (1 - before) / (NUM_TRAIN - NUM_TRAIN // 2))
verdict = f'take epoch {best}' if lead > 2 * error else 'keep their weights'
print(f'lead of epoch {best}: {100 * lead:+.1f} points, standard error {100 * error:.1f}: {verdict}')
continued = load_backbone(folder / f'epoch_{best}.pth')
for name, net in (('their weights', ours), (f'epoch {best}', continued)):
    print(f'R@1: {100 * retrieval(net, "test"):.1f} % on test videos, {name}')

# %% [markdown]
# ## What it means
#
# Three outcomes are possible, and the rule has an answer to each. R@1 rises and leads by more than the error: take that
# epoch. It wavers around its start: the change is within the error, so their weights stay, and nothing is lost but some
# minutes. It falls: training stops early, and their weights stay. The last is common where their labels were closer to
# your classes than the pretext task is. Then try another task, or fine-tune their weights as they are.
#
# A run of this tutorial had 87.5 % before, and 91.2, 91.9, 91.9, 92.5, 91.9 and 91.2 % after its epochs. The best lead, 5.0
# points, is just below twice its standard error of 2.6, so the rule kept their weights. On the test videos their weights had
# 87.5 % and the best epoch 88.8 %, a difference within the error.
#
# The test videos show whether the decision was right. They may disagree with the held-out ones by as much as the errors of
# both. Do not decide again by them.
#
# ## Where to go from here
#
# - [Weights](../../docs/weights.md): the families of files, what is checked, what cannot be imported.
# - [Reading a run](../../docs/reading_a_run.md): what loss, accuracies and rank tell while you watch.
# - [Few labels](few_labels.py): is it worth it? Several seeds, and an answer with an interval.
