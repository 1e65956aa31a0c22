# %% [markdown]
# # A backbone of ours in an mmaction2 project
#
# You train action recognition with mmaction2: its configs, its lists, its runner. You also have videos without labels.
# This tutorial pretrains a backbone on the videos, writes it to a file, and names that file in a config of mmaction2.
# mmaction2 then trains and tests its own `Recognizer3D`, once from the file and once from random weights. It needs no GPU.
# Run the cells in a notebook, or the whole file by `python examples/tutorials/mmaction2_project.py`.

# %%
import copy
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

from videossl.apis import write_few_labels
from videossl.apis.running.train import main as train
from videossl.checkpoints import export_backbone
from videossl.datasets import write_moving_shapes

NUM_TRAIN, NUM_TEST = 240, 160  # videos
EPOCHS, REPEATS = 3, 5  # each video is drawn five times in an epoch
WIDTH = 16  # channels of the first stage; the papers have 64
FINETUNE_EPOCHS = 40
WORK = Path('work_dirs/tutorials/mmaction2_project')

videos = write_moving_shapes(WORK / 'videos', NUM_TRAIN, NUM_TEST)

# %% [markdown]
# ## Pretrain on videos without labels
#
# VSPP plays one quarter of a clip faster; the net predicts which and how fast. A project that has checkpoints of videossl
# begins below.

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
# ## From a checkpoint to a file for others
#
# A checkpoint has heads, an optimiser and a schedule. `export_backbone` writes the backbone alone, with the names that
# `init_cfg` expects. The file says which net it is and how pixels were normalised; the config below must agree with both.
# The command does the same: `videossl export epoch_3.pth --out r3d-10.pth`.

# %%
weights = WORK / 'r3d-10.pth'
export_backbone(folder / f'epoch_{EPOCHS}.pth', weights)
meta = torch.load(weights)['meta']
print(meta['backbone'])
print(meta['data_preprocessor'])

# %% [markdown]
# ## Labels
#
# Five videos of each class have a label. mmaction2 reads lists of "path label" lines, and so does videossl.

# %%
labelled = write_few_labels(videos / 'train.txt', [5], seed=0, folder=videos)[5]
print(labelled.read_text().splitlines()[0])

# %% [markdown]
# ## A config of mmaction2
#
# All of it is mmaction2's: recogniser, head, data set, transforms, metric. Two settings are new. `custom_imports` makes
# mmengine import videossl, which registers its parts. The backbone's type then has the prefix `videossl.`, since the scope
# is mmaction2's, and `init_cfg` names the file. Without `init_cfg` the net starts from random weights.


# %%
def clips(*crop, **sampling):
    return [
        dict(type='DecordInit'),
        dict(type='SampleFrames', clip_len=16, frame_interval=1, **sampling),
        dict(type='DecordDecode'),
        dict(type='Resize', scale=(-1, 72)),
        *crop,
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ]


def loader(ann_file, batch_size, shuffle, pipeline):
    prefix = dict(video=str(videos.resolve()))
    dataset = dict(type='VideoDataset', ann_file=str(ann_file), data_prefix=prefix, pipeline=pipeline)
    sampler = dict(type='DefaultSampler', shuffle=shuffle)
    return dict(batch_size=batch_size, num_workers=0, persistent_workers=False, sampler=sampler, dataset=dataset)


config = Config(
    dict(
        custom_imports=dict(imports=['videossl'], allow_failed_imports=False),
        default_scope='mmaction',
        model=dict(
            type='Recognizer3D',
            backbone=dict(
                type='videossl.R3D',
                depth=10,
                base_channels=WIDTH,
                init_cfg=dict(type='Pretrained', checkpoint=str(weights.resolve())),
            ),
            cls_head=dict(type='I3DHead', in_channels=8 * WIDTH, num_classes=8, dropout_ratio=0, average_clips='prob'),
            data_preprocessor=dict(
                type='ActionDataPreprocessor',
                mean=[123.675, 116.28, 103.53],
                std=[58.395, 57.12, 57.375],
                format_shape='NCTHW',
            ),
        ),
        train_dataloader=loader(
            labelled.resolve(),
            batch_size=20,
            shuffle=True,
            pipeline=clips(dict(type='RandomCrop', size=64), dict(type='Flip', flip_ratio=0.5), num_clips=1),
        ),
        test_dataloader=loader(
            (videos / 'test.txt').resolve(),
            batch_size=8,
            shuffle=False,
            pipeline=clips(dict(type='CenterCrop', crop_size=64), num_clips=4, test_mode=True),
        ),
        test_evaluator=dict(type='AccMetric'),
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=FINETUNE_EPOCHS),
        test_cfg=dict(type='TestLoop'),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.03, momentum=0.9, weight_decay=5e-4)),
        param_scheduler=[dict(type='MultiStepLR', milestones=[FINETUNE_EPOCHS * 3 // 4], gamma=0.1, by_epoch=True)],
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=20),
            checkpoint=dict(type='CheckpointHook', interval=FINETUNE_EPOCHS),
        ),
        randomness=dict(seed=0),
        work_dir=str(WORK / 'finetuning'),
    )
)
config.dump(WORK / 'r3d_videossl.py')

# %% [markdown]
# ## Train and test
#
# `Runner` is what mmaction2's `tools/train.py` and `tools/test.py` call, so the file that was just written works there,
# too:
#
# ```bash
# mim train mmaction2 work_dirs/tutorials/mmaction2_project/r3d_videossl.py --launcher none
# ```
#
# The log begins with the machine and the config. Then look for the line that says which tensors came from the file. If the
# file were of another net, training would not start. A video is tested with four clips; guessing is right for one of eight.


# %%
def accuracy(name, config):
    runner = Runner.from_cfg(Config(dict(config, work_dir=str(WORK / name), experiment_name=name)))
    runner.train()
    return 100 * runner.test()['acc/top1']


pretrained = accuracy('finetuning', config)

# %% [markdown]
# The comparison has the same config without `init_cfg`: the same labels, steps and seed.

# %%
scratch = copy.deepcopy(config)
del scratch.model.backbone['init_cfg']
random = accuracy('from_scratch', scratch)
print(f'acc/top1: {pretrained:.1f} % from our file, {random:.1f} % from random weights')

# %% [markdown]
# ## What it means
#
# Both nets had the same labels and the same steps. They differ in where they started. With five labels of each class the
# start should show: a run of this tutorial had 55.6 % from our file and 35.6 % from random weights. That is one seed, and its 160
# test videos leave a standard error of 4 points for each. If yours do not differ, look at `acc_speed` and `acc_segment` of
# the pretraining: near 0.25 it has learnt nothing.
#
# ## Where to go from here
#
# - [The example](../mmaction2_plugin/README.md) is such a config at full size, for UCF101 as mmaction2 prepares it.
# - [Plugin](../../docs/plugin.md): other ways into mmaction2's configs, and experiments in a folder of your own.
# - [Weights](../../docs/weights.md): safetensors, the teacher's net, one branch of a net, and what a file says.
# - [Few labels](few_labels.py) asks the same question with several seeds and says how sure the answer is.
