"""The numbers of the masked autoencoder in the merged configs, from pretraining to the recipe."""

import numpy as np
import pytest
import torch
from config_reading import CONFIGS, read, read_recipe, steps
from mmaction.structures import ActionDataSample
from mmengine.optim import build_optim_wrapper

from videossl.registry import MODELS, TRANSFORMS

PRETEXT = 'masked_autoencoder/masked-autoencoder_{}-rgb.py'
B_K400, S_K400, B_UCF101, TI_UCF101 = (
    PRETEXT.format(name)
    for name in (
        'vit-b_16x4x1-224px-800e_k400',
        'vit-s_16x4x1-224px-1600e_k400',
        'vit-b_16x4x1-224px-3200e_ucf101',
        'vit-ti_16x4x1-112px-800e_ucf101',
    )
)
LAPTOP = 'laptop/masked-autoencoder_vit-ti_16x1x1-64px-20e_videos-rgb.py'


@pytest.mark.parametrize(
    ('name', 'heads', 'decoder', 'epochs', 'ratio', 'lr', 'batch_size'),
    [
        (B_K400, 12, (384, 6), 800, 0.9, 1.5e-4, 32),
        (S_K400, 6, (192, 3), 1600, 0.9, 1.5e-4, 32),
        (B_UCF101, 12, (384, 6), 3200, 0.75, 3e-4, 24),
        (TI_UCF101, 3, (96, 3), 800, 0.75, 3e-4, 192),
    ],
)
def test_pretraining_has_the_released_codes_numbers(name, heads, decoder, epochs, ratio, lr, batch_size):
    config = read(name)
    model, loader, optimizer = config.model, config.train_dataloader, config.optim_wrapper.optimizer
    assert model.backbone == dict(type='ViT', num_heads=heads)
    head = dict(in_channels=64 * heads, decoder_channels=decoder[0], decoder_heads=decoder[1])
    assert model.heads == dict(pixels=dict(type='MaskedPixelHead', **head))
    assert (optimizer.type, optimizer.lr, optimizer.betas) == ('AdamW', lr, (0.9, 0.95))
    assert optimizer.weight_decay == 0.05 and config.auto_scale_lr == dict(base_batch_size=256, enable=True)
    warm_up, cosine = config.param_scheduler
    assert (warm_up.type, warm_up.end, warm_up.start_factor * lr) == ('LinearLR', 40, pytest.approx(1e-6))
    assert (cosine.type, cosine.begin, cosine.T_max, cosine.end) == ('CosineAnnealingLR', 40, epochs - 40, epochs)
    assert cosine.eta_min_ratio * lr == pytest.approx(1e-5) and config.train_cfg.max_epochs == epochs
    assert all(schedule.by_epoch and schedule.convert_to_iter_based for schedule in (warm_up, cosine))
    pipeline, size = loader.dataset.pipeline, 112 if '112px' in name else 224
    kinds = [step.type for step in steps(pipeline)]
    assert kinds == ['VideoReaderInit', 'SampleFrames', 'DecodeClips', 'EachClip', 'DrawTubeMask', 'PackClips']
    assert (pipeline.mask.patch_size, pipeline.mask.ratio) == (16, ratio)
    sampler = dict(clip_len=16, frame_interval=4, num_clips=1, out_of_bound_opt='repeat_last')
    assert pipeline.sample == dict(type='SampleFrames', **sampler)
    crop, resize = steps(pipeline.clips.transforms)
    assert (crop.type, crop.input_size, crop.scales) == ('MultiScaleCrop', size, (1, 0.875, 0.75, 0.66))
    assert resize == dict(type='Resize', scale=(size, size), keep_ratio=False) and loader.batch_size == batch_size


def groups_of(name: str) -> tuple[torch.nn.Module, dict]:
    config = read(name)
    with torch.device('meta'):
        model = MODELS.build(config.model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    return model, {names[id(parameter)]: group for group in groups for parameter in group['params']}


@pytest.mark.parametrize(
    'name', [TI_UCF101, 'downstream/finetune_vit-ti_masked-autoencoder_16x4x1-112px-100e_ucf101-rgb.py']
)
def test_only_matrices_and_kernels_decay(name):
    model, groups = groups_of(name)
    for key, parameter in model.named_parameters():
        assert groups[key]['weight_decay'] == (0.05 if parameter.ndim > 1 else 0), key


@pytest.mark.parametrize(('net', 'heads', 'size'), [('vit-b', 12, 224), ('vit-s', 6, 224), ('vit-ti', 3, 112)])
@pytest.mark.parametrize(('data', 'classes'), [('ucf101', 101), ('hmdb51', 51)])
def test_fine_tuning_has_the_released_codes_numbers(net, heads, size, data, classes):
    config = read(f'downstream/finetune_{net}_masked-autoencoder_16x4x1-{size}px-100e_{data}-rgb.py')
    assert config.model.backbone == dict(type='ViT', num_heads=heads, drop_path=0.2)
    head = config.model.cls_head
    assert (head.in_channels, head.num_classes, head.dropout_ratio) == (64 * heads, classes, 0.5)
    optimizer, (warm_up, cosine) = config.optim_wrapper.optimizer, config.param_scheduler
    assert (optimizer.type, optimizer.lr, optimizer.betas) == ('AdamW', 5e-4, (0.9, 0.999))
    assert config.optim_wrapper.paramwise_cfg.layer_decay == 0.7 and config.train_cfg.max_epochs == 100
    assert (warm_up.end, cosine.begin, cosine.T_max, cosine.end) == (5, 5, 95, 100)
    assert cosine.eta_min_ratio * 5e-4 == pytest.approx(1e-5)
    # 128 videos of two clips at half of that rate.
    train, test = config.train_dataloader, config.test_dataloader
    assert (train.batch_size * 8, train.sampler.repeats, config.auto_scale_lr.base_batch_size) == (256, 2, 512)
    assert train.dataset.ann_file == f'{data}_train_split_1_videos.txt'
    assert test.dataset.ann_file == f'{data}_val_split_1_videos.txt'
    assert train.dataset.pipeline.clips.transforms.resize.scale == (size, size)
    assert (test.dataset.pipeline.sample.num_clips, test.dataset.pipeline.sample.frame_interval) == (5, 4)
    assert test.dataset.pipeline.crop == dict(type='ThreeCrop', crop_size=size)
    mixing = config.model.data_preprocessor.blending
    assert mixing.type == 'RandomBatchAugment' and 'probs' not in mixing, 'mixup or cutmix, evenly, in every batch'
    assert [(augment.type, augment.alpha, augment.num_classes) for augment in mixing.augments] == [
        ('MixupBlending', 0.8, classes),
        ('CutmixBlending', 1.0, classes),
    ]
    erase = train.dataset.pipeline.clips.transforms.erase
    assert (erase.type, erase.erase_prob, erase.mode) == ('RandomErasing', 0.25, 'rand')
    assert tuple(erase.fill_color) == (123.675, 116.28, 103.53) and tuple(erase.fill_std) == (58.395, 57.12, 57.375)


def test_a_step_of_fine_tuning_mixes_clips_and_labels_and_erases_a_rectangle_of_noise():
    config = read('downstream/finetune_vit-ti_masked-autoencoder_16x4x1-112px-100e_hmdb51-rgb.py').copy()
    config.model.backbone.update(base_channels=4, depth=4)
    config.model.cls_head.update(in_channels=12)
    model = MODELS.build(config.model)
    erase = TRANSFORMS.build(dict(config.train_dataloader.dataset.pipeline.clips.transforms.erase, erase_prob=1.0))
    frames = erase(dict(imgs=[np.zeros((112, 112, 3), np.uint8) for _ in range(16)]))['imgs']
    erased = [np.argwhere(frame.any(2)) for frame in frames]
    assert all((pixels.min(0) == erased[0].min(0)).all() for pixels in erased[1:]), 'one rectangle for all frames'
    assert not np.array_equal(frames[0], frames[1])
    clips = torch.stack([torch.full((1, 3, 16, 32, 32), value, dtype=torch.uint8) for value in (0, 255)])
    for seed in range(4):
        np.random.seed(seed)
        torch.manual_seed(seed)
        samples = [ActionDataSample().set_gt_label(label) for label in (3, 50)]
        data = model.data_preprocessor(dict(inputs=clips, data_samples=samples), training=True)
        white = model.data_preprocessor.pixels_of(data['inputs']).mean((1, 2, 3, 4, 5))
        for sample, share in zip(data['data_samples'], white):
            assert sample.gt_label.shape == (51,) and sample.gt_label.sum() == pytest.approx(1)
            assert sample.gt_label[50] == pytest.approx(share.item(), abs=1e-3), 'the share of its clip'
        model(**data, mode='loss')['loss_cls'].backward()
        assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    tested = model.data_preprocessor(dict(inputs=clips, data_samples=[ActionDataSample().set_gt_label(3)] * 2))
    assert tested['data_samples'][0].gt_label.tolist() == [3]


def test_fine_tuning_decays_the_rate_from_the_head_to_the_stem():
    _, groups = groups_of('downstream/finetune_vit-b_masked-autoencoder_16x4x1-224px-100e_ucf101-rgb.py')
    rates = [groups[f'backbone.stage{i // 3 + 1}.block{i}.mlp.layers.1.weight']['lr'] for i in range(12)]
    assert rates == pytest.approx([5e-4 * 0.7 ** (12 - i) for i in range(12)])
    assert groups['backbone.stem.conv.weight']['lr'] == pytest.approx(5e-4 * 0.7**13)
    assert groups['cls_head.fc_cls.weight']['lr'] == pytest.approx(5e-4)


def test_the_laptops_net_has_cubes_and_cells_of_one_size():
    config = read(LAPTOP)
    mask, head = config.train_dataloader.dataset.pipeline.mask, config.model.heads.pixels
    assert config.model.backbone.patch_size == mask.patch_size == head.patch_size == 8 and mask.ratio == 0.75
    finetuned = read('laptop/finetune_vit-ti_16x1x1-64px-20e_videos-rgb.py')
    assert finetuned.model.backbone == config.model.backbone


def test_the_recipe_cites_videomae_where_the_data_are_the_same():
    rows = read_recipe('masked-autoencoder_ucf101.py').table.rows
    assert [row.get('cited') for row in rows] == ['91.3', *[None] * 5]
    assert [name for name in CONFIGS if name.startswith('masked_autoencoder/')] == sorted(
        (B_K400, S_K400, B_UCF101, TI_UCF101)
    )
