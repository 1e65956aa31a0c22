"""The numbers of video clip order prediction in the merged configs, from pretraining to the recipes."""

import math

import pytest
from config_reading import CONFIGS, read, read_recipe, steps
from mmengine.config import Config

from videossl.registry import MODELS, TRANSFORMS
from videossl.wrappers import innermost_dataset

# VCOP's released code, written down here a second time.

EVERYWHERE = dict(
    batch=8,
    drop_last=False,
    optimizer='SGD',
    lr=1e-3,
    momentum=0.9,
    weight_decay=5e-4,
    schedule=[],
    times=1,
    transforms=['Resize', 'RandomCrop'],
    scale=(171, 128),
    crop=112,
    mean=(0, 0, 0),
    std=(255, 255, 255),
    to_bgr=False,
)
PRETRAIN = dict(
    EVERYWHERE,
    sampler='SampleClipOrder',
    clip_len=16,
    tuple_len=3,
    gap=8,
    views=None,
    head='OrderHead',
    head_channels=(512, 512),
    head_tuple_len=3,
    dropout=0.5,
)
FINETUNE = dict(
    EVERYWHERE,
    sampler='SampleFrames',
    clip_len=16,
    clips=1,
    frame_interval=1,
    head='RecognitionHead',
    head_channels=(512,),
    dropout=0,
    average_clips='score',
    epochs=150,
    test_clips=10,
    test_clip_len=16,
    test_frame_interval=1,
    test_scale=(171, 128),
    test_crop=112,
    hold_out=None,
    validation=None,
    save_best=None,
)
LISTS = dict(
    ucf101='data/ucf101/videos/ucf101_train_split_1_videos.txt',
    hmdb51='data/hmdb51/videos/hmdb51_train_split_1_videos.txt',
    k100='data/kinetics100/videos_train/kinetics100_train_list_videos.txt',
)
TEST_LISTS = dict(
    ucf101='data/ucf101/videos/ucf101_val_split_1_videos.txt', hmdb51='data/hmdb51/videos/hmdb51_val_split_1_videos.txt'
)
CLASSES = dict(ucf101=101, hmdb51=51)
NETS = {'r2plus1d-10': ('R2Plus1D', 10), 'r3d-10': ('R3D', 10), 'c3d': ('C3D', None)}
IMAGENET = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))


def finetune(net: str, data: str, **differs) -> dict:
    return {
        **FINETUNE,
        'backbone': NETS[net],
        'data': LISTS[data],
        'test_data': TEST_LISTS[data],
        'classes': CLASSES[data],
        **differs,
    }


EXPECTED = {
    **{
        f'vcop/vcop_{net}_16x1x1-300e_ucf101-rgb.py': {
            **PRETRAIN,
            'backbone': NETS[net],
            'data': LISTS['ucf101'],
            'epochs': 300,
        }
        for net in NETS
    },
    # The auxSKD paper's number of epochs
    **{
        f'vcop/vcop_{net}_16x1x1-200e_k100-rgb.py': {
            **PRETRAIN,
            'backbone': NETS[net],
            'data': LISTS['k100'],
            'epochs': 200,
        }
        for net in ('r2plus1d-10', 'r3d-10')
    },
    # Beside what the table has: one pass of the net for each clip of the tuple
    'vcop/vcop_r2plus1d-10_released-code_16x1x1-300e_ucf101-rgb.py': {
        **PRETRAIN,
        'backbone': NETS['r2plus1d-10'],
        'data': LISTS['ucf101'],
        'epochs': 300,
    },
    # Not the released code's
    'vcop/vcop_r2plus1d-10_imagenet-norm_16x1x1-300e_ucf101-rgb.py': {
        **PRETRAIN,
        **IMAGENET,
        'backbone': NETS['r2plus1d-10'],
        'data': LISTS['ucf101'],
        'epochs': 300,
    },
    'laptop/vcop_r3d-10_16x1x1-64px-20e_videos-rgb.py': {
        **PRETRAIN,
        **IMAGENET,
        'backbone': NETS['r3d-10'],
        'data': 'data/videos/None',
        'epochs': 20,
        'batch': 10,
        'drop_last': True,
        'times': 10,
        'scale': (-1, 72),
        'crop': 64,
        'lr': 1e-2,
        'schedule': [('MultiStepLR', [12, 17], 0.1)],
    },
    **{
        f'downstream/finetune_{net}_vcop_16x1x1-150e_{data}-rgb.py': finetune(net, data)
        for net in NETS
        for data in CLASSES
    },
    **{
        f'downstream/finetune_r2plus1d-10_vcop_held-out_16x1x1-150e_{data}-rgb.py': finetune(
            'r2plus1d-10',
            data,
            hold_out=(number, 632, 'train'),
            save_best='acc/top1',
            validation=dict(
                data=LISTS[data],
                hold_out=(number, 632, 'held_out'),
                clips=1,
                clip_len=16,
                frame_interval=1,
                scale=(171, 128),
                crop=112,
            ),
        )
        for data, number in dict(ucf101=800, hmdb51=400).items()
    },
}


def list_of(dataset: dict) -> str:
    return '/'.join(
        part for part in (dataset.data_root, dataset.get('data_prefix', {}).get('video'), str(dataset.ann_file)) if part
    )


def hold_out_of(dataset: dict) -> tuple | None:
    hold_out = dataset.get('hold_out')
    return hold_out and (hold_out.number, hold_out.seed, hold_out.use)


def steady(dataset: dict, prefix: str) -> dict:
    """What a test or a validation looks at: nothing in it is drawn."""
    opens, sampler, decodes, resize, crop, packs = steps(dataset.pipeline)
    assert [part.type for part in (opens, sampler, decodes, resize, crop, packs)] == [
        'VideoReaderInit',
        'SampleFrames',
        'DecodeClips',
        'Resize',
        'CenterCrop',
        'PackClips',
    ]
    assert dataset.test_mode and sampler.test_mode
    found = dict(
        data=list_of(dataset),
        clips=sampler.num_clips,
        clip_len=sampler.clip_len,
        frame_interval=sampler.frame_interval,
        scale=tuple(resize.scale),
        crop=crop.crop_size,
    )
    return {f'{prefix}{key}': value for key, value in found.items()}


def facts(config: Config) -> dict:
    """What a merged config says, under the names of the table above; what it leaves to a default is read from the
    built part."""
    model, loader, optimizer = config.model, config.train_dataloader, config.optim_wrapper.optimizer
    dataset = innermost_dataset(loader.dataset)
    opens, sampler, decodes, each_clip, packs = steps(dataset.pipeline)
    assert [part.type for part in (opens, decodes, each_clip, packs)] == [
        'VideoReaderInit',
        'DecodeClips',
        'EachClip',
        'PackClips',
    ]
    assert each_clip.get('groups') is None, 'each clip has a crop of its own'
    assert 'paramwise_cfg' not in config.optim_wrapper
    transforms = steps(each_clip.transforms)
    resize, crop = transforms[:2]
    preprocessor = MODELS.build(model.data_preprocessor)
    kind, sampler = sampler.type, TRANSFORMS.build(sampler)
    found = dict(
        batch=loader.batch_size,
        drop_last=loader.get('drop_last', False),
        optimizer=optimizer.type,
        lr=optimizer.lr,
        momentum=optimizer.momentum,
        weight_decay=optimizer.weight_decay,
        epochs=config.train_cfg.max_epochs,
        schedule=[(entry.type, entry.milestones, entry.gamma) for entry in config.param_scheduler],
        times=loader.sampler.get('repeats', 1),
        data=list_of(dataset),
        backbone=(model.backbone.type, model.backbone.get('depth')),
        transforms=[entry.type for entry in transforms],
        scale=tuple(resize.scale),
        crop=crop.size,
        mean=tuple(round(value, 3) for value in preprocessor.mean.flatten().tolist()),
        std=tuple(round(value, 3) for value in preprocessor.std.flatten().tolist()),
        to_bgr=preprocessor.to_bgr,
        sampler=kind,
        clip_len=sampler.clip_len,
    )
    if kind == 'SampleClipOrder':
        (head,) = model.heads.values()
        kind, head = head.type, MODELS.build(head)
        assert head.relation.in_features % 2 == 0
        found.update(
            tuple_len=sampler.tuple_len,
            gap=sampler.gap,
            views=sampler.num_views,
            head=kind,
            head_channels=(head.relation.in_features // 2, head.relation.out_features),
            head_tuple_len=head.tuple_len,
            dropout=head.dropout.p,
        )
        assert config.get('val_dataloader') is None and config.get('test_dataloader') is None
        return found
    head, validation = model.cls_head, config.val_dataloader
    found.update(
        clips=sampler.num_clips,
        frame_interval=sampler.frame_interval,
        head=head.type,
        head_channels=(head.in_channels,),
        classes=head.num_classes,
        dropout=head.dropout_ratio,
        average_clips=head.average_clips,
        hold_out=hold_out_of(dataset),
        validation=None,
        save_best=config.default_hooks.checkpoint.get('save_best'),
        **steady(config.test_dataloader.dataset, 'test_'),
    )
    assert hold_out_of(config.test_dataloader.dataset) is None
    if validation is not None:
        found['validation'] = dict(steady(validation.dataset, ''), hold_out=hold_out_of(validation.dataset))
    return found


@pytest.mark.parametrize('name', EXPECTED)
def test_the_released_codes_numbers_stand_in_the_merged_config(name):
    assert facts(read(name)) == EXPECTED[name]


def test_no_config_of_this_method_is_left_out_of_the_table():
    ours = {
        name
        for name in CONFIGS
        if name.startswith('vcop/')
        or ('_vcop_' in name and name.startswith('downstream/'))
        or name.startswith('laptop/vcop')
    }
    assert ours == set(EXPECTED)


def test_an_epoch_is_chosen_on_held_out_training_videos_or_not_at_all():
    for name in EXPECTED:
        config = read(name)
        validation, choice = config.get('val_dataloader'), config.default_hooks.checkpoint.get('save_best')
        assert (validation is None) == (choice is None) == ('held-out' not in name)
        if validation is None:
            assert config.get('val_cfg') is None and config.get('val_evaluator') is None
            continue
        train, held_out, test = (
            loader.dataset for loader in (config.train_dataloader, validation, config.test_dataloader)
        )
        assert list_of(train) == list_of(held_out) != list_of(test)
        assert {**train.hold_out, 'use': 'held_out'} == held_out.hold_out and train.hold_out.use == 'train'
        assert config.val_evaluator == config.test_evaluator and config.val_evaluator.type == 'AccMetric'


def test_views_for_a_teacher_and_a_student_are_single_clips_in_batches_of_the_auxiliary_stage():
    loader = read('aux_skd/aux-skd_r2plus1d-10_vcop-views_16x1x1-20e_k100-rgb.py').train_dataloader
    plain = read('vcop/vcop_r2plus1d-10_16x1x1-200e_k100-rgb.py').train_dataloader
    assert loader.dataset.pipeline.sample == {**plain.dataset.pipeline.sample, 'num_views': 2}
    assert loader.batch_size == 30 and loader.drop_last and loader.dataset.ann_file == plain.dataset.ann_file
    assert steps(loader.dataset.pipeline)[2:] == steps(plain.dataset.pipeline)[2:]


# The auxSKD paper's Table 1, rows 3, 16, 17, 23 and 24: top-1 on UCF101 and HMDB51.
CITED = {
    ('vcop_c3d_ucf101.py', 'c3d'): ['65.6', '28.4'],
    ('vcop_k100.py', 'r2plus1d-10'): ['71.4', '32.1', '72.6', '32.5'],
    ('vcop_k100.py', 'r3d-10'): ['58.2', '25.2', '60.7', '28.4'],
}


@pytest.mark.parametrize('name, net', CITED)
def test_a_recipe_cites_the_papers_figures_and_knows_what_guessing_gives(name, net):
    recipe = read_recipe(name, None if net == 'c3d' else net)
    assert [row.cited for row in recipe.table.rows] == CITED[name, net]
    assert recipe.table.chance == dict(acc_order=1 / math.factorial(3))
    for row in recipe.table.rows:
        data = row.name.rpartition(', ')[2].lower()
        fine_tuning = recipe.stages[row.stages[-1]].config
        setting = 'vcop_16x1x1-150e' if net == 'c3d' else '16x1x1-25e'
        assert fine_tuning == f'../downstream/finetune_{net}_{setting}_{data}-rgb.py'
        assert ('auxSKD' in row.name) == ('aux' in row.stages)


def test_only_the_released_codes_config_runs_the_net_once_for_each_position():
    for name in EXPECTED:
        if name.startswith('vcop/'):
            assert read(name).model.get('pass_per_view', False) == ('released-code' in name), name
