# %% [markdown]
# # A pretext task of your own in 40 lines
#
# A pretext task is a question about a video whose answer costs no label. Here the question is whether a clip is played
# forwards or backwards ("Learning and Using the Arrow of Time", Wei, Lim, Zisserman, Freeman, 2018). Two parts of your
# own make it: a sampler chooses the frames and writes the answer, and a head predicts the answer. Reading, cropping,
# training and evaluation are there already. Run the cells in a notebook, or the whole file by `python
# examples/tutorials/pretext_task.py`.

# %%
from pathlib import Path

import numpy as np
from mmengine.runner import Runner

import videossl  # noqa: F401  (registers the parts that the config names)
from videossl.config_files import load_config
from videossl.datasets import ClipLabel, ClipSampler, draw_consecutive, write_moving_shapes
from videossl.models.heads import ClipClassificationHead
from videossl.registry import MODELS, TRANSFORMS

NUM_VIDEOS = 160
EPOCHS, REPEATS = 5, 10
WIDTH = 8  # channels of the first stage; the papers have 64
WORK = Path('work_dirs/tutorials/pretext_task')

# %% [markdown]
# ## The sampler
#
# `sample` returns the indices of the frames of each clip, counted from 0, and the labels. It sees no pixels, so it is
# tested without videos. `labels` says what a class means in words.


# %%
@TRANSFORMS.register_module(force=True)
class SampleDirection(ClipSampler):
    """Clips of consecutive frames, each played backwards with probability 1/2."""

    labels = dict(gt_direction=ClipLabel(lambda label: ('forwards', 'backwards')[label]))

    def sample(self, total_frames, results):
        directions = np.random.randint(2, size=self.num_views)
        clips = [draw_consecutive(self.clip_len, total_frames) for _ in directions]
        return [clip[:: -1 if label else 1] for clip, label in zip(clips, directions)], dict(gt_direction=directions)


np.random.seed(0)
drawn = SampleDirection(clip_len=4, num_views=2)(dict(total_frames=50))
print(drawn['frame_inds'].reshape(2, 4).tolist(), drawn['gt_direction'].tolist())

# %% [markdown]
# ## The head
#
# A head turns the embedding of a clip into a loss. Classification of clips is there, so the head names the label and
# the number of classes. Every label `gt_*` of a sampler reaches the heads by itself.


# %%
@MODELS.register_module(force=True)
class DirectionHead(ClipClassificationHead):
    """Predicts the direction; logged as loss_direction and acc_direction."""

    def __init__(self, in_channels, **kwargs):
        super().__init__(in_channels, num_classes=2, label='gt_direction', name='direction', **kwargs)


# %% [markdown]
# ## The config
#
# A config of videossl is the base, and its sampler and heads are replaced. In a file, these are the lines of [the page
# on extending](../../docs/extend.md); `videossl new task NAME` writes such files.

# %%
config = load_config('videossl::laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py')
config.model.backbone.base_channels = WIDTH
config.model.heads = dict(direction=dict(type='DirectionHead', in_channels=8 * WIDTH))
config.train_dataloader.dataset.pipeline.sample = dict(type='SampleDirection', clip_len=16)
config.train_dataloader.sampler.repeats = REPEATS
config.train_cfg.max_epochs = EPOCHS
config.param_scheduler[0].milestones = [EPOCHS - 1]
config.optim_wrapper.optimizer.lr = 0.03  # three times the base's, for so short a run
config.work_dir = str(WORK / 'pretraining')

# %% [markdown]
# ## Train
#
# The rendered shapes move in strokes: at each one they jump ahead, then slow down. So the arrow of time can be seen, though
# not by the path, which they take in either sense. `acc_direction` stays near 0.5 for two epochs and then rises; two
# runs ended at 0.97 and 0.92.
#
# A task that is not learnt looks like these two epochs: the loss stays at 0.69, the logarithm of 2. Longer training and
# another learning rate are what to try first.

# %%
videos = write_moving_shapes(WORK / 'videos', NUM_VIDEOS, num_test=0)
config.train_dataloader.dataset.data_root = str(videos / 'videos')
config.train_dataloader.num_workers = 0
config.train_dataloader.persistent_workers = False
runner = Runner.from_cfg(config)
runner.train()
scalars = runner.message_hub.log_scalars['train/acc_direction']
print(f'acc_direction: {scalars.mean(20):.2f} over the last 20 batches')

# %% [markdown]
# ## Where to go from here
#
# - [Evaluation](../../docs/evaluation.md) measures whether the features are of use for something else than the pretext task.
# - [Extending](../../docs/extend.md) has a larger task, clip sheets that show what the net sees, and a backbone.
# - [Recipes](../../docs/recipes.md) put the auxiliary stage of auxSKD in front of a task, and fine-tuning after it.
