"""The numbers of the video cloze procedure and of RTT in the merged configs, and auxSKD in front of both."""

import pytest
from config_reading import CONFIGS, read, read_recipe, steps

NETS = {
    'c3d': dict(type='C3D'),
    'r3d-10': dict(type='R3D', depth=10),
    'r2plus1d-10': dict(type='R2Plus1D', depth=10),
    'r3d-18': dict(type='R3D', depth=18),
    'r2plus1d-18': dict(type='R2Plus1D', depth=18),
}
RTT = {
    'c3d_16x1x1-100e_ucf101': (12, 100, 112),
    'c3d_16x1x1-100e_k400': (12, 100, 112),
    'r3d-18_16x1x1-128px-200e_ucf101': (16, 200, 128),
    'r2plus1d-18_16x1x1-128px-200e_ucf101': (16, 200, 128),
}
FINETUNE = {'c3d': ('16x4x1-75e', 75, 112), 'r3d-18': ('16x4x1-128px-150e', 150, 128)}
FINETUNE['r2plus1d-18'] = FINETUNE['r3d-18']


def step_types(config) -> list[str]:
    return [step.type for step in steps(config.train_dataloader.dataset.pipeline)]


def clip_steps(config) -> list:
    return steps(config.train_dataloader.dataset.pipeline.clips.transforms)


def cosine(config) -> tuple:
    (schedule,) = config.param_scheduler
    assert schedule.type == 'CosineAnnealingLR' and schedule.by_epoch and schedule.eta_min_ratio == 1e-3
    return schedule.T_max, config.train_cfg.max_epochs


def adamw(config) -> tuple[float, float]:
    optimizer = config.optim_wrapper.optimizer
    assert optimizer.type == 'AdamW' and tuple(optimizer.betas) == (0.9, 0.99)
    assert config.optim_wrapper.paramwise_cfg == dict(norm_decay_mult=0, bias_decay_mult=0)
    # What the first step subtracts of a weight
    assert optimizer.lr * optimizer.weight_decay == pytest.approx(1e-4)
    return optimizer.lr


@pytest.mark.parametrize('net', ['c3d', 'r3d-10', 'r2plus1d-10'])
def test_vcp_pretrains_as_the_reimplementation_but_for_the_guesses_of_its_page(net):
    config = read(f'vcp/vcp_{net}_16x1x1-300e_ucf101-rgb.py')
    assert config.model.backbone == NETS[net]
    loader, optimizer = config.train_dataloader, config.optim_wrapper.optimizer
    assert loader.batch_size == 8 and loader.dataset.ann_file == 'ucf101_train_split_1_videos.txt'
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ('SGD', 1e-2, 0.9, 5e-4)
    assert config.param_scheduler == [] and config.train_cfg.max_epochs == 300
    assert tuple(config.model.data_preprocessor.std) == (255, 255, 255)
    assert loader.dataset.pipeline.sample == dict(type='SampleCloze', tuple_len=3, clip_len=16, gap=8)
    assert step_types(config)[2:] == ['DecodeClips', 'EachClip', 'ApplyClozeOperation', 'PackClips']
    resize, crop = clip_steps(config)
    assert tuple(resize.scale) == (171, 128) and crop == dict(type='RandomCrop', size=112)


@pytest.mark.parametrize('name', RTT)
def test_rtt_pretrains_as_the_released_code(name):
    config, (batch, epochs, size) = read(f'rtt/rtt_{name}-rgb.py'), RTT[name]
    assert config.model.backbone == NETS[name.split('_')[0]]
    loader, (shared,) = config.train_dataloader, [config.train_dataloader.dataset.pipeline.shared]
    assert loader.batch_size == batch and cosine(config) == (epochs, epochs) and adamw(config) == 3e-4
    assert tuple(config.model.data_preprocessor.mean) == tuple(config.model.data_preprocessor.std) == (127.5,) * 3
    assert loader.dataset.pipeline.sample == dict(type='SampleTemporalTransform', clip_len=16, num_rates=4)
    assert step_types(config)[2:] == ['DecodeClips', 'EachClip', 'EachClip', 'PackClips']
    assert shared.groups == [[0, 1, 2, 3]] and [step.type for step in steps(shared.transforms)] == ['Flip']
    kinds = [step.type for step in clip_steps(config)]
    colours = ['VideoColorJitter', 'RandomGray']
    assert kinds == ['Resize', 'RandomCrop'] if size == 112 else ['Resize', 'RandomRescale', 'RandomCrop', *colours]
    assert loader.dataset.pipeline.clips.transforms.crop.size == size


@pytest.mark.parametrize('net', FINETUNE)
@pytest.mark.parametrize(('data', 'classes'), [('ucf101', 101), ('hmdb51', 51)])
def test_rtt_is_fine_tuned_at_every_fourth_frame_and_tested_with_32_clips(net, data, classes):
    name, epochs, size = FINETUNE[net]
    config = read(f'downstream/finetune_{net}_rtt_{name}_{data}-rgb.py')
    assert config.model.backbone == NETS[net] and config.model.cls_head.num_classes == classes
    assert config.model.cls_head.average_clips == 'prob' and config.model.cls_head.dropout_ratio == 0
    assert tuple(config.model.data_preprocessor.mean) == tuple(config.model.data_preprocessor.std) == (127.5,) * 3
    assert cosine(config) == (epochs, epochs) and adamw(config) == 5e-5
    train, test = (loader.dataset for loader in (config.train_dataloader, config.test_dataloader))
    assert config.train_dataloader.batch_size == 24
    assert train.ann_file == f'{data}_train_split_1_videos.txt' and test.ann_file == f'{data}_val_split_1_videos.txt'
    assert (train.pipeline.sample.frame_interval, train.pipeline.sample.num_clips) == (4, 1)
    assert (test.pipeline.sample.frame_interval, test.pipeline.sample.num_clips) == (4, 32)
    assert train.pipeline.clips.transforms.crop.size == test.pipeline.crop.crop_size == size


def test_recipes_cite_what_others_quote():
    cited = {'c3d': ['68.5', '32.5'], 'r3d-10': ['66.0', '31.5'], 'r2plus1d-10': ['66.3', '32.2']}
    for net, figures in cited.items():
        assert [row.cited for row in read_recipe('vcp_ucf101.py', net).table.rows] == figures
    figures = [(row.name, row.cited) for row in read_recipe('rtt.py').table.rows]
    assert figures == [
        ('RTT, C3D, K-400, UCF101', '69.9'),
        ('RTT, C3D, K-400, HMDB51', '39.6'),
        ('RTT, R3D-18, UCF101, UCF101', '77.3'),
        ('RTT, R3D-18, UCF101, HMDB51', '47.5'),
        ('RTT, R(2+1)D-18, UCF101, UCF101', '81.6'),
        ('RTT, R(2+1)D-18, UCF101, HMDB51', '46.4'),
    ]


def test_no_config_of_these_methods_is_left_out():
    names = [name for name in CONFIGS if name.startswith(('vcp/', 'rtt/'))]
    assert len(names) == 3 + len(RTT)
    assert len([name for name in CONFIGS if name.startswith('downstream/') and '_rtt_' in name]) == 6
