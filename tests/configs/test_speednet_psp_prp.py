"""The numbers of SpeedNet, PSP and PRP in the merged configs, from pretraining to the recipes."""

import pytest
import torch
from config_reading import CONFIGS, read, read_recipe, steps
from mmengine.optim import build_optim_wrapper

from videossl.models.backbones import TemporalGroupNorm
from videossl.registry import MODELS

GROUPS = dict(clip_len=16, group_len=4)
OF_A_METHOD = {
    method: [name for name in CONFIGS if f'{method}-views' in name or f'_{method}_' in name or f'{method}/' in name]
    for method in ('speednet', 'psp', 'prp')
}


def transforms_of(config) -> list[str]:
    return [step.type for step in steps(config.train_dataloader.dataset.pipeline.clips.transforms)]


@pytest.mark.parametrize('method, number', [('speednet', 2 + 3 + 4), ('psp', 1 + 2 + 2), ('prp', 4 + 4 + 6)])
def test_every_stage_of_a_method_has_its_config(method, number):
    assert len(OF_A_METHOD[method]) == number


def test_speednet_sees_64_whole_frames_at_natural_speed_and_faster():
    config = read('speednet/speednet_s3dg_64x1x1-224px-200e_k400-rgb.py')
    sampler = config.train_dataloader.dataset.pipeline.sample
    assert (sampler.type, sampler.clip_len) == ('SampleSpeediness', 64)
    assert config.train_dataloader.dataset.pipeline.clips.groups == [[0, 1]]
    assert transforms_of(config) == ['Resize', 'Flip']
    assert config.model.data_preprocessor.random_size == (64, 336)
    assert not config.env_cfg.cudnn_benchmark
    neck = config.model.necks[config.model.heads.speediness.embedding_name]
    assert neck.mode == 'space_max_time_mean'


@pytest.mark.parametrize('net, parameters', [('s3dg', 8_675_744), ('i3d', 12_287_264)])
def test_speednets_nets_keep_time_in_every_stage(net, parameters):
    for name in OF_A_METHOD['speednet']:
        if f'_{net}_' in name:
            with torch.device('meta'):
                backbone = MODELS.build(read(name).model.backbone)
                assert backbone(torch.empty(1, 3, 16, 64, 64)).shape == (1, 1024, 16, 2, 2)
            assert sum(parameter.numel() for parameter in backbone.parameters()) == parameters


def test_psp_is_vcop_but_for_its_sampler_and_norms():
    psp, vcop = (
        read('psp/psp_r2plus1d-10_16x1x1-300e_ucf101-rgb.py'),
        read('vcop/vcop_r2plus1d-10_16x1x1-300e_ucf101-rgb.py'),
    )
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'default_hooks'):
        assert psp[key] == vcop[key], key
    assert psp.model == {**vcop.model, 'backbone': {**vcop.model.backbone, 'temporal_groups': GROUPS}}
    assert transforms_of(psp) == transforms_of(vcop) and psp.train_dataloader.batch_size == 8
    sampler = psp.train_dataloader.dataset.pipeline.sample
    assert sampler == dict(type='SamplePaceOrder', speeds=(-1, 1, 4), clip_len=16)


def test_every_config_of_psp_has_its_norms():
    for name in OF_A_METHOD['psp']:
        backbone = read(name).model.backbone
        assert backbone.temporal_groups == GROUPS
    with torch.device('meta'):
        assert any(isinstance(module, TemporalGroupNorm) for module in MODELS.build(backbone).modules())


@pytest.mark.parametrize('net', ['r2plus1d-10', 'r3d-10', 'c3d'])
def test_prp_has_the_released_codes_numbers(net):
    config = read(f'prp/prp_{net}_16x1x1-300e_ucf101-rgb.py')
    loader, optimizer = config.train_dataloader, config.optim_wrapper.optimizer
    assert (loader.batch_size, loader.drop_last, config.train_cfg.max_epochs) == (8, True, 300)
    assert (optimizer.type, optimizer.lr, optimizer.momentum, optimizer.weight_decay) == ('SGD', 1e-2, 0.9, 5e-4)
    kinds = [step.type for step in steps(loader.dataset.pipeline)]
    assert kinds == [
        'VideoReaderInit',
        'SamplePlaybackRate',
        'DecodeClips',
        'EachClip',
        'KeepTargetFrames',
        'PackClips',
    ]
    assert transforms_of(config) == ['Resize', 'CenterCrop']
    heads = config.model.heads
    assert (heads.rate.loss_weight, heads.rate.num_classes, heads.reconstruction.rates) == (0.1, 4, (1, 2, 4, 8))
    fine_tuning = read(f'downstream/finetune_{net}_prp_16x1x1-160e_ucf101-rgb.py')
    (step,) = fine_tuning.param_scheduler
    assert (step.type, step.step_size, step.gamma, fine_tuning.train_cfg.max_epochs) == ('StepLR', 100, 0.1, 160)
    assert fine_tuning.optim_wrapper.optimizer.lr == 1e-3 and fine_tuning.train_dataloader.batch_size == 8
    assert transforms_of(fine_tuning) == ['Resize', 'RandomCrop', 'Flip']


@pytest.mark.parametrize(
    'name', ['prp/prp_r3d-10_16x1x1-300e_ucf101-rgb.py', 'laptop/prp_r3d-10_16x1x1-64px-20e_videos-rgb.py']
)
def test_the_classifier_of_rates_learns_ten_times_as_fast(name):
    config = read(name)
    with torch.device('meta'):
        model = MODELS.build(config.model)
    groups = build_optim_wrapper(model, config.optim_wrapper).optimizer.param_groups
    rates = {group['lr'] / config.optim_wrapper.optimizer.lr for group in groups}
    assert rates == {1.0, 10.0}
    faster = [
        parameter for group in groups if group['lr'] > 5 * min(g['lr'] for g in groups) for parameter in group['params']
    ]
    assert {id(parameter) for parameter in faster} == {
        id(parameter) for parameter in model.heads.rate.classifier.parameters()
    }


@pytest.mark.parametrize(
    'name, net, cited',
    [
        ('speednet_k400.py', 's3dg', ['81.1', '48.8']),
        ('speednet_k400.py', 'i3d', ['66.7', '43.7']),
        ('psp_ucf101.py', None, ['74.8', '36.8']),
        ('prp_ucf101.py', 'r2plus1d-10', ['72.1', '35.0']),
        ('prp_ucf101.py', 'r3d-10', ['66.5', '29.7']),
        ('prp_ucf101.py', 'c3d', ['69.1', '34.5']),
    ],
)
def test_recipes_cite_the_sources_figures(name, net, cited):
    rows = read_recipe(name, net).table.rows
    assert [row.get('cited') for row in rows] == [*cited, None, None]
    elsewhere = [row.get('cited_elsewhere') for row in rows]
    assert elsewhere == ['72.4' if (name, net) == ('prp_ucf101.py', 'r2plus1d-10') else None, None, None, None]
