# %% [markdown]
# # Few labels: is pretraining worth it?
#
# You have many videos and few labels. You can train on the labels at once, or pretrain on the videos first and train on
# the labels then. This tutorial does both, three times, and ends with an answer and with how sure it is. It needs no GPU.
# Run the cells in a notebook, or the whole file by `python examples/tutorials/few_labels.py`.
#
# The videos here are rendered: a shape moves along a loop, and the form of the loop is the class. For videos of your own
# set `videos` to your folder. It needs a folder for each class, or the lists `train.txt` and `test.txt` ("path label" a
# line).

# %%
from pathlib import Path

from videossl.apis.studies.study import main as run_study
from videossl.cores import available_cores
from videossl.datasets import write_moving_shapes

NUM_TRAIN, NUM_TEST = 240, 160  # videos
EPOCHS, REPEATS = 3, 5  # each video is drawn five times in an epoch
WIDTH = 16  # channels of the first stage; the papers have 64
SEEDS = ['0', '1', '2']
WORK = Path('work_dirs/tutorials/few_labels')

videos = write_moving_shapes(WORK / 'videos', NUM_TRAIN, NUM_TEST)

# %% [markdown]
# ## The question
#
# A study asks one question, and fixes it before anything runs. The one of `your_videos.py`: is fine-tuning after VSPP
# better than fine-tuning from scratch, with five labels of each class and with all labels? VSPP is a pretext task. One
# quarter of a clip is played faster, and the net predicts which and how fast. It needs no label.
#
# The settings make the net and the schedules small. `vspp.` are those of the pretraining, `finetune_scratch.` and
# `finetune_vspp.` those of the fine-tuning. With five labels a class the list is repeated more often, so that it takes as
# many steps as with all. Both nets take the same steps on the same labels.

# %%
settings = [
    f'vspp.train_cfg.max_epochs={EPOCHS}',
    f'vspp.param_scheduler.0.milestones=[{EPOCHS - 1}]',
    f'vspp.train_dataloader.sampler.repeats={REPEATS}',
    'vspp.optim_wrapper.optimizer.lr=0.03',
    f'vspp.model.backbone.base_channels={WIDTH}',
    f'vspp.model.heads.speed.in_channels={8 * WIDTH}',
    f'vspp.model.heads.segment.in_channels={8 * WIDTH}',
]
for stage in ('finetune_scratch', 'finetune_vspp'):
    settings += [
        f'{stage}.train_cfg.max_epochs=2',
        f'{stage}.param_scheduler.0.milestones=[1]',
        f'{stage}.train_dataloader.sampler.repeats=3',
        f'{stage}.train_dataloader.batch_size=16',
        f'{stage}.optim_wrapper.optimizer.lr=0.03',
        f'{stage}.model.backbone.base_channels={WIDTH}',
        f'{stage}.model.cls_head.in_channels={8 * WIDTH}',
        f'{stage}.test_dataloader.dataset.pipeline.sample.num_clips=3',
    ]
study = [
    'videossl::studies/your_videos.py',
    *('--data-root', str(videos)),
    *('--work-dir', str(WORK / 'study')),
    *('--rows', 'scratch', 'vspp'),
    *('--columns', 'finetune'),
    *('--jobs', str(min(2, available_cores()))),
    *('--cfg-options', *settings),
]

# %% [markdown]
# ## One seed
#
# The study pretrains once, fine-tunes four times, and tests on videos that no net was trained on. A line tells when a step
# is done, and a table ends it. In brackets is the standard error: what another choice of test videos would change.
# Guessing is right for one of eight.

# %%
run_study([*study, '--seeds', SEEDS[0]])

# %% [markdown]
# These are the labels that the small list has:

# %%
few = WORK / 'study' / 'lists' / f'train_5_per_class_seed_{SEEDS[0]}.txt'
labels = [line.split()[-1] for line in few.read_text().splitlines()]
print(f'{few}: {len(labels)} videos, {len(set(labels))} classes')

# %% [markdown]
# ## Three seeds
#
# One seed does not tell how much luck was in it: another start and another choice of five labels give other numbers. So
# the same study runs with two more seeds. What is done is not done again, so this cell adds what is missing. After an
# interruption run it again, and it goes on where it was.

# %%
run_study([*study, '--seeds', *SEEDS])

# %% [markdown]
# ## What it means
#
# The lines below the tables are the answer. "Yes" needs two things. The differences of the three seeds agree, so that the
# interval of their mean excludes 0. And the difference is larger than twice its standard error on the test videos. The
# interval is wider than usual, since two comparisons were asked.
#
# What to expect: in a run of this tutorial 24.8 % were right from scratch with five labels, and 46.9 % after VSPP, as means of
# three seeds. VSPP was better in each seed, by 22.1 points on average. Still the answer was "No difference was shown": three
# seeds that differ, and two comparisons, give an interval of 40.6 points to each side. This is what three seeds can tell; two
# more are a matter of the list `SEEDS`. With all labels one of the three nets after VSPP ended at 21.9 %, the others at 58.8 and
# 67.5 %: so short a fine-tuning depends on luck, and one seed alone would have told either story.
#
# It need not help. In a trial with 160 videos of 32x32 pixels and one seed VSPP found the segment (`acc_segment` 0.78) but
# hardly the speed (`acc_speed` 0.34, guessing gives 0.25). With five labels 23.1 % were right after VSPP and 24.4 % from
# scratch; the standard error of the difference was 4.8 points. So look at the pretext accuracies first, in the lines of
# the step `vspp`: features of a task that was not learnt do not help. The study warns if an accuracy is near guessing.
#
# "No difference was shown" does not mean that there is none. More seeds and more test videos make the interval narrower.

# %%
print((WORK / 'study' / 'results.md').read_text().partition('## Accuracy')[0])

# %% [markdown]
# ## With your videos
#
# The same study without the settings above has a net of the papers' width and longer schedules. `--group` says which part
# of a path names the person or the recording, so that nobody is in training and test:
#
# ```bash
# videossl study videossl::studies/your_videos.py --data-root MY_FOLDER --group '(person\d+)_'
# ```
#
# - [Studies](../../docs/studies.md): rows, columns, the choice of settings without test videos.
# - [Results](../../docs/results.md): the same question on real videos.
# - `videossl few-labels train.txt --per-class 1 5 10` writes such lists alone, for an experiment of your own.
# - `videossl report work_dirs/tutorials/few_labels/study` makes a page of it all.
