"""RSPNet's numbers, pretraining and fine-tuning, in the merged configs and recipes, written down here a second time."""

import math

import pytest
import torch
from config_reading import CONFIGS, read
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from videossl.registry import HOOKS, MODELS, TRANSFORMS
from videossl.wrappers import innermost_dataset

PRETRAINING = dict(
    batch=64,
    drop_last=True,
    scaled_from=64,
    momentum=0.9,
    weight_decay=1e-4,
    epochs=200,
    schedule=[('CosineAnnealingLR', 200, 1e-3)],
    clip_len=16,
    speeds=(2,),
    views=3,
    balanced=False,
    groups=[[0], [1, 2]],
    area=(0.4, 1.0),
    ratio=(0.75, 4 / 3),
    size=(112, 112),
    flip=0.5,
    grey=0.2,
    jitter=(0.4, 0.4, 0.4, 0.4, 1.0),
    consistent=True,
    bank=(16384, 128),
    projection=(512, 128, 512, 128),
    teacher=(0.999, True),
    student_views=[0],
    teacher_views=[2, 1],
    enqueue=('appearance', 0),
    shuffled=True,
    appearance=(0.07, 'appearance', 1.0),
    motion=(2.0, 0.07, 1, 0, 'motion', 1.0),
    predictors=0,
)
K100, K400 = (f'data/kinetics{size}/kinetics{size}_train_list_videos.txt' for size in (100, 400))
R2PLUS1D = dict(backbone=('R2Plus1D', 10), lr=0.05)
R3D = dict(backbone=('R3D', 10), lr=0.05)
EXPECTED = {
    'rspnet_c3d_16x1x1-200e_k400-rgb.py': dict(backbone=('C3D', None), lr=0.1, data=K400),
    'rspnet_resnet3d-18_16x1x1-200e_k400-rgb.py': dict(backbone=('ResNet3D', 18), lr=0.1, data=K400),
    'rspnet_s3dg_16x1x1-224px-200e_k400-rgb.py': dict(
        backbone=('S3DG', None), lr=0.05, data=K400, size=(224, 224), projection=(1024, 128, 1024, 128)
    ),
    'rspnet_r2plus1d-10_16x1x1-200e_k400-rgb.py': dict(R2PLUS1D, data=K400),
    'rspnet_r2plus1d-10_16x1x1-200e_k100-rgb.py': dict(R2PLUS1D, data=K100),
    'rspnet_r2plus1d-10_random-teacher_16x1x1-200e_k100-rgb.py': dict(R2PLUS1D, data=K100, teacher=(0.999, False)),
    'rspnet_r3d-10_16x1x1-200e_k400-rgb.py': dict(R3D, data=K400),
    'rspnet_r3d-10_16x1x1-200e_k100-rgb.py': dict(R3D, data=K100),
}
IMAGENET = [123.675, 116.28, 103.53, 58.395, 57.12, 57.375]


def preprocessing(config) -> list[float]:
    preprocessor = MODELS.build(config.model.data_preprocessor)
    assert not preprocessor.to_bgr
    return [round(value, 3) for value in (*preprocessor.mean.flatten().tolist(), *preprocessor.std.flatten().tolist())]


def schedule_of(config) -> list[tuple]:
    return [
        (entry.type, entry.get('T_max', entry.get('milestones')), entry.get('eta_min_ratio', entry.get('gamma')))
        for entry in config.param_scheduler
    ]


def test_the_table_names_every_pretraining_config():
    assert {f'rspnet/{name}' for name in EXPECTED} == {name for name in CONFIGS if name.startswith('rspnet/')}


@pytest.mark.parametrize('name', EXPECTED)
def test_the_released_codes_numbers_stand_in_the_merged_pretraining_config(name):
    config = read(f'rspnet/{name}')
    model, loader, optimizer = config.model, config.train_dataloader, config.optim_wrapper.optimizer
    dataset = innermost_dataset(loader.dataset)
    sampler, each_clip = TRANSFORMS.build(dataset.pipeline[1]), dataset.pipeline[3]
    crop, resize, flip, grey, jitter = each_clip.transforms
    kinds = [part.type for part in (*dataset.pipeline[::2], crop, resize, flip, grey, jitter)]
    assert kinds == [
        'VideoReaderInit',
        'DecodeClips',
        'PackClips',
        'RandomResizedCrop',
        'Resize',
        'Flip',
        'RandomGray',
        'VideoColorJitter',
    ]
    assert resize.keep_ratio is False and optimizer.type == 'SGD' and 'nesterov' not in optimizer
    jitter = TRANSFORMS.build(jitter)
    appearance, motion = (MODELS.build(model.heads[head]) for head in ('appearance', 'motion'))
    teacher = HOOKS.build(config.custom_hooks[0])
    assert [hook.type for hook in config.custom_hooks] == ['MomentumTeacherHook', 'MemoryBankHook']
    assert preprocessing(config) == IMAGENET and dataset.type == 'VideoDataset'
    necks = [MODELS.build(model.necks[neck]) for neck in ('appearance', 'motion')]
    assert [len(neck.layers) for neck in necks] == [1, 1], 'one linear layer each'
    assert config.auto_scale_lr.enable is True
    found = dict(
        batch=loader.batch_size,
        drop_last=loader.drop_last,
        scaled_from=config.auto_scale_lr.base_batch_size,
        lr=optimizer.lr,
        momentum=optimizer.momentum,
        weight_decay=optimizer.weight_decay,
        epochs=config.train_cfg.max_epochs,
        schedule=schedule_of(config),
        clip_len=sampler.clip_len,
        speeds=sampler.speeds,
        views=sampler.num_views,
        balanced=sampler.balanced,
        groups=each_clip.groups,
        area=tuple(crop.area_range),
        ratio=tuple(crop.aspect_ratio_range),
        size=tuple(resize.scale),
        flip=flip.flip_ratio,
        grey=grey.probability,
        consistent=jitter.consistent,
        jitter=(jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue, jitter.probability),
        bank=(model.memory_bank['size'], model.memory_bank.dim),
        projection=tuple(size for neck in necks for size in (neck.layers[0].in_features, neck.layers[0].out_features)),
        teacher=(teacher.momentum, teacher.copy_student),
        student_views=list(model.student_views),
        teacher_views=list(model.teacher_views),
        enqueue=tuple(model.enqueue),
        shuffled=model.shuffle_teacher,
        appearance=(appearance.temperature, appearance.embedding, appearance.loss_weight),
        motion=(
            motion.margin,
            motion.temperature,
            motion.same_speed_view,
            motion.other_speed_view,
            motion.embedding,
            motion.loss_weight,
        ),
        predictors=len(model.get('predictors', ())),
        backbone=(model.backbone.type, model.backbone.get('depth')),
        data=f'{dataset.data_root}/{dataset.ann_file}',
    )
    assert found == {**PRETRAINING, **EXPECTED[name]}


def test_the_heads_views_are_those_that_the_sampler_gives_these_speeds():
    model = read('rspnet/rspnet_r2plus1d-10_16x1x1-200e_k400-rgb.py').model
    (student,), teacher, motion = model.student_views, model.teacher_views, model.heads.motion
    for _ in range(20):
        speeds = TRANSFORMS.build(dict(type='SampleRelativeSpeed'))(dict(total_frames=99))['gt_speed']
        assert speeds[teacher[motion.same_speed_view]] == speeds[student]
        assert speeds[teacher[motion.other_speed_view]] != speeds[student]
        assert speeds[teacher[model.enqueue[1]]] != speeds[student], 'the bank takes the key at the other speed'


def test_the_auxiliary_stage_shuffles_its_teachers_batches_too():
    assert read('aux_skd/aux-skd_r2plus1d-10_16x1x1-20e_k100-rgb.py').model.shuffle_teacher is True


class Line(BaseModel):
    """A student and a frozen teacher of one weight each."""

    def __init__(self) -> None:
        super().__init__()
        self.student, self.teacher = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False).requires_grad_(False)

    def forward(self, inputs, data_samples=None, mode='loss'):
        return dict(loss=self.student(torch.stack(inputs)).mean())


@pytest.mark.parametrize(('batch_size', 'world_size', 'factor'), [(64, 1, 1), (32, 2, 1), (64, 4, 4), (16, 1, 1 / 4)])
def test_the_learning_rate_follows_the_total_batch_and_falls_along_the_cosine(
    tmp_path, monkeypatch, batch_size, world_size, factor
):
    """mmengine's scaling, with our optimiser constructor, before the cosine that ends at a thousandth of the result."""
    config = read('rspnet/rspnet_r2plus1d-10_16x1x1-200e_k400-rgb.py')
    rates = []

    class Note(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
            rates.append(runner.optim_wrapper.get_lr()['lr'][0])

    monkeypatch.setattr(Runner, 'world_size', world_size)
    runner = Runner(
        model=Line(),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=batch_size,
            sampler=dict(type='DefaultSampler'),
            dataset=[dict(inputs=torch.ones(1))] * batch_size,
        ),
        train_cfg=config.train_cfg.copy(),
        optim_wrapper=config.optim_wrapper.copy(),
        param_scheduler=[dict(entry) for entry in config.param_scheduler],
        auto_scale_lr=config.auto_scale_lr.copy(),
        default_scope='videossl',
        default_hooks=dict(checkpoint=None, logger=None),
        custom_hooks=[Note()],
        log_level='ERROR',
        experiment_name=tmp_path.name,
    )
    runner.train()
    lr = 0.05 * factor
    by_hand = [lr / 1000 + (lr - lr / 1000) * (1 + math.cos(math.pi * epoch / 200)) / 2 for epoch in range(200)]
    assert rates == pytest.approx(by_hand, rel=1e-6)
    assert rates[0] == pytest.approx(lr) and rates[-1] < lr / 900


def test_the_laptop_config_is_small_and_keeps_the_method():
    config = read('laptop/rspnet_r3d-10_16x1x1-64px-20e_videos-rgb.py')
    pretraining = read('rspnet/rspnet_r3d-10_16x1x1-200e_k100-rgb.py')
    dataset, each_clip = config.train_dataloader.dataset, innermost_dataset(config.train_dataloader.dataset).pipeline[3]
    changed = dict(config.model, memory_bank=pretraining.model.memory_bank)
    assert changed == pretraining.model
    assert (config.model.memory_bank['size'], config.train_dataloader.batch_size, dataset.times) == (255, 32, 10)
    assert config.train_dataloader.drop_last and config.custom_hooks[0].momentum == 0.99
    assert each_clip.groups == [[0], [1, 2]]
    assert [part.type for part in each_clip.transforms] == ['Resize', 'RandomCrop', 'Flip']
    assert each_clip.transforms[1].size == 64 and config.get('auto_scale_lr') is None
    assert innermost_dataset(dataset).pipeline[1] == dict(type='SampleRelativeSpeed', clip_len=16, speeds=(2,))


# --- fine-tuning ----------------------------------------------------------------------------------------------------

COSINE30, COSINE50 = [('CosineAnnealingLR', 30, 1e-3)], [('CosineAnnealingLR', 50, 1e-3)]
S3DG = dict(backbone='S3DG', batch=8, lr=0.005, epochs=50, schedule=COSINE50, clip_len=64, size=224, channels=1024)
# Batch: per process times processes.
FINETUNING = {
    'r2plus1d-10_rspnet_16x1x1-30e_ucf101': dict(backbone='R2Plus1D', batch=8 * 4),
    'r2plus1d-10_rspnet_16x1x1-30e_hmdb51': dict(backbone='R2Plus1D', batch=16 * 2),
    'c3d_rspnet_16x1x1-30e_ucf101': dict(backbone='C3D', batch=20 * 4, lr=0.005),
    'c3d_rspnet_16x1x1-100e_hmdb51': dict(
        backbone='C3D', batch=6 * 2, lr=0.005, epochs=100, schedule=[('MultiStepLR', [50, 70, 90], 0.1)]
    ),
    'resnet3d-18_rspnet_16x1x1-30e_ucf101': dict(backbone='ResNet3D', batch=32 * 2),
    'resnet3d-18_rspnet_16x1x1-30e_hmdb51': dict(backbone='ResNet3D', batch=64 * 2, lr=0.01, schedule=[]),
    's3dg_rspnet_64x1x1-224px-50e_ucf101': S3DG,
    's3dg_rspnet_64x1x1-224px-50e_hmdb51': S3DG,
}
TESTED = {
    'ucf101': (101, 'data/ucf101/ucf101_train_split_1_videos.txt', 'data/ucf101/ucf101_val_split_1_videos.txt'),
    'hmdb51': (51, 'data/hmdb51/hmdb51_train_split_1_videos.txt', 'data/hmdb51/hmdb51_val_split_1_videos.txt'),
}


@pytest.mark.parametrize('name', FINETUNING)
def test_the_released_codes_numbers_stand_in_the_merged_fine_tuning_config(name):
    config = read(f'downstream/finetune_{name}-rgb.py')
    expected = dict(lr=0.1, epochs=30, schedule=COSINE30, clip_len=16, size=112, channels=512)
    expected.update(FINETUNING[name])
    expected.update(zip(('classes', 'data', 'test_data'), TESTED[name.rpartition('_')[2]]))
    train, test = config.train_dataloader.dataset, config.test_dataloader.dataset
    sampler, each_clip = train.pipeline[1], train.pipeline[3]
    crop, resize, flip = each_clip.transforms
    test_sampler, test_resize, test_crop = test.pipeline[1], test.pipeline[3], test.pipeline[4]
    head, optimizer = config.model.cls_head, config.optim_wrapper.optimizer
    assert [part.type for part in (crop, resize, flip)] == ['RandomResizedCrop', 'Resize', 'Flip']
    assert (tuple(crop.area_range), tuple(crop.aspect_ratio_range), flip.flip_ratio) == ((0.25, 1), (0.75, 4 / 3), 0.5)
    assert resize.scale == (expected['size'], expected['size']) and resize.keep_ratio is False
    assert test_resize == dict(type='Resize', scale=(-1, expected['size']))
    assert test_crop == dict(type='CenterCrop', crop_size=expected['size'])
    assert (sampler.num_clips, sampler.frame_interval, test_sampler.num_clips, test_sampler.frame_interval) == (
        1,
        1,
        10,
        1,
    )
    assert test_sampler.test_mode and test.test_mode and test_sampler.clip_len == expected['clip_len']
    assert (head.dropout_ratio, head.average_clips) == (0.0, 'score')
    assert (optimizer.type, optimizer.momentum, optimizer.weight_decay) == ('SGD', 0.9, 1e-4)
    assert config.get('auto_scale_lr') is None, 'fine-tuning does not scale its learning rate'
    assert config.get('val_dataloader') is None and config.default_hooks.checkpoint.get('save_best') is None
    assert preprocessing(config) == IMAGENET
    found = dict(
        backbone=config.model.backbone.type,
        batch=config.train_dataloader.batch_size,
        lr=optimizer.lr,
        epochs=config.train_cfg.max_epochs,
        schedule=schedule_of(config),
        clip_len=sampler.clip_len,
        size=resize.scale[0],
        channels=head.in_channels,
        classes=head.num_classes,
        data=f'{train.data_root}/{train.ann_file}',
        test_data=f'{test.data_root}/{test.ann_file}',
    )
    assert found == expected


# --- recipes --------------------------------------------------------------------------------------------------------

# Top-1 on UCF101 and HMDB51: the auxSKD paper's Table 1, rows 20 and 21, 27 and 28, 13, 7.
CITED = {
    'rspnet_r2plus1d-10_k100.py': ['74.7', '37.4', '75.5', '39.0'],
    'rspnet_r3d-10_k100.py': ['60.2', '32.6', '61.9', '33.4'],
    'rspnet_r2plus1d-10_k400.py': ['81.1', '44.6'],
    'rspnet_resnet3d-18_k400.py': ['74.3', '41.8'],
}


@pytest.mark.parametrize('name', CITED)
def test_a_recipe_cites_the_papers_figures(name):
    recipe = read(f'recipes/{name}')
    assert [row.cited for row in recipe.table.rows] == CITED[name]
    for row, data in zip(recipe.table.rows, ['ucf101', 'hmdb51'] * 2):
        assert data in recipe.stages[row.stages[-1]].config and row.name.lower().endswith(data)
    assert recipe.table.chance == dict(acc_motion=0.5)


@pytest.mark.parametrize('net', ['r2plus1d-10', 'r3d-10'])
def test_after_the_auxiliary_stage_the_papers_own_fine_tuning_is_run(net):
    stages = read(f'recipes/rspnet_{net}_k100.py').stages
    assert {name: (stage.config.rpartition('/')[2], stage.get('init_from')) for name, stage in stages.items()} == {
        'rspnet_alone': (f'rspnet_{net}_16x1x1-200e_k100-rgb.py', None),
        'finetune_ucf101_rspnet_alone': (f'finetune_{net}_16x1x1-25e_ucf101-rgb.py', 'rspnet_alone'),
        'finetune_hmdb51_rspnet_alone': (f'finetune_{net}_16x1x1-25e_hmdb51-rgb.py', 'rspnet_alone'),
        'aux': (f'aux-skd_{net}_rspnet-views_16x1x1-20e_k100-rgb.py', None),
        'rspnet': (f'rspnet_{net}_16x1x1-200e_k100-rgb.py', 'aux'),
        'finetune_ucf101': (f'finetune_{net}_16x1x1-25e_ucf101-rgb.py', 'rspnet'),
        'finetune_hmdb51': (f'finetune_{net}_16x1x1-25e_hmdb51-rgb.py', 'rspnet'),
    }
