"""auxSKD in front of other methods: the stage is the same, clips and pixels are those of the method that follows."""

import pytest
from config_reading import ROOT, read, read_recipe

METHODS = {
    'video-pace': ('video_pace/video-pace_{net}_16x1x1-18e_k100-rgb.py', 'SamplePace'),
    'vcop': ('vcop/vcop_{net}_16x1x1-200e_k100-rgb.py', 'SampleClipOrder'),
    'rspnet': ('rspnet/rspnet_{net}_16x1x1-200e_k100-rgb.py', 'SampleRelativeSpeed'),
}
NETS = ('r2plus1d-10', 'r3d-10')


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('net', NETS)
def test_the_auxiliary_stage_is_that_of_vspp_but_for_its_views(method, net):
    views = read(f'aux_skd/aux-skd_{net}_{method}-views_16x1x1-20e_k100-rgb.py')
    vspp = read(f'aux_skd/aux-skd_{net}_16x1x1-20e_k100-rgb.py')
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg', 'custom_hooks', 'default_hooks'):
        assert views[key] == vspp[key], key
    assert {key: value for key, value in views.model.items() if key != 'data_preprocessor'} == {
        key: value for key, value in vspp.model.items() if key != 'data_preprocessor'
    }
    for key in ('batch_size', 'drop_last', 'sampler'):
        assert views.train_dataloader[key] == vspp.train_dataloader[key], key
    assert views.train_dataloader.batch_size == 30 and views.train_dataloader.drop_last
    assert views.train_dataloader.dataset.ann_file == vspp.train_dataloader.dataset.ann_file


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('net', NETS)
def test_its_views_are_two_clips_of_the_methods_own_sampler_and_pixels(method, net):
    views = read(f'aux_skd/aux-skd_{net}_{method}-views_16x1x1-20e_k100-rgb.py')
    own = read(METHODS[method][0].format(net=net))
    assert views.model.backbone == own.model.backbone
    assert views.model.data_preprocessor == own.model.data_preprocessor
    sampler, own_sampler = (config.train_dataloader.dataset.pipeline.sample for config in (views, own))
    assert sampler.type == METHODS[method][1]
    assert sampler == {**own_sampler, 'num_views': 2}
    clips, own_clips = (config.train_dataloader.dataset.pipeline.clips for config in (views, own))
    assert clips.transforms == own_clips.transforms
    assert clips.get('groups') is None, 'each view has a crop and colours of its own'


def test_a_variation_of_the_auxiliary_stage_has_fifteen_lines_at_most():
    leafs = sorted((ROOT / 'aux_skd').glob('*-views_*_k100-rgb.py'))
    assert len(leafs) == len(METHODS) * len(NETS)
    assert all(len(leaf.read_text().splitlines()) <= 15 for leaf in leafs)


# Top-1 on UCF101 and HMDB51, from Table 1, without and with the auxiliary stage.
CITED = {
    ('vcop', 'r2plus1d-10'): ['71.4', '32.1', '72.6', '32.5'],
    ('video-pace', 'r2plus1d-10'): ['73.8', '36.2', '76.1', '38.6'],
    ('rspnet', 'r2plus1d-10'): ['74.7', '37.4', '75.5', '39.0'],
    ('vcop', 'r3d-10'): ['58.2', '25.2', '60.7', '28.4'],
    ('video-pace', 'r3d-10'): ['57.5', '23.5', '60.9', '27.1'],
    ('rspnet', 'r3d-10'): ['60.2', '32.6', '61.9', '33.4'],
}


@pytest.mark.parametrize('method, net', CITED)
def test_a_recipe_has_the_method_alone_and_behind_the_auxiliary_stage(method, net):
    recipe = read_recipe(f'{method}_k100.py', net)
    assert sorted(row.cited for row in recipe.table.rows) == sorted(CITED[method, net])
    auxiliary = [stage.config for stage in recipe.stages.values() if 'aux_skd/' in stage.config]
    assert auxiliary == [f'../aux_skd/aux-skd_{net}_{method}-views_16x1x1-20e_k100-rgb.py']
