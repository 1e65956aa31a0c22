"""auxSKD in front of other methods: the stage is the same, clips and pixels are those of the method that follows."""

import re

import pytest
from config_reading import CONFIGS, ROOT, read, read_recipe, steps

NAME = re.compile(
    r'(?P<folder>aux_skd|laptop)/aux-skd_(?P<net>[^_]+)_(?P<method>[^_]+)-views_(?P<clips>[^_]+)-20e_(?P<data>\S+)'
)
LEAFS = {name: match for name in CONFIGS if (match := NAME.fullmatch(name))}
# Labels of the method's own task, which two views do not need, or need otherwise.
OTHER_ARGUMENTS = (
    *('transformations', 'with_rotation', 'up_to_reversal', 'window', 'wrong_share'),
    *('fps', 'out_of_bound_opt'),
)
# VideoMAE's clips have no colours, by which two views differ; the small OPN's jitter is between the frames of a tuple.
OTHER_CLIPS = (
    'aux_skd/aux-skd_vit-ti_masked-autoencoder-views_16x4x1-112px-20e_ucf101-rgb.py',
    'laptop/aux-skd_caffenet_opn-views_1x1x1-64px-20e_videos-rgb.py',
)
# What a method's net or the size of its clips asks for.
OTHER_SETTINGS = {'masked-autoencoder': ('optim_wrapper',), 'speednet': ('batch_size',)}


def own_config(leaf: str) -> str:
    """The pretraining of a method by the net, the clips and the data of an auxiliary stage in front of it."""
    parts = LEAFS[leaf]
    folder = 'laptop' if parts['folder'] == 'laptop' else '(?!laptop)[a-z_]+'
    name = rf'{folder}/{parts["method"]}_{parts["net"]}_{parts["clips"]}-\d+e_{parts["data"]}'
    (found,) = [name_of for name_of in CONFIGS if re.fullmatch(name, name_of)]
    return found


def plain_stage(leaf: str) -> str:
    """The auxiliary stage in front of VSPP, on the same data."""
    data = LEAFS[leaf]['data']
    laptop = LEAFS[leaf]['folder'] == 'laptop'
    return (
        f'laptop/aux-skd_r3d-10_16x1x1-64px-20e_{data}' if laptop else f'aux_skd/aux-skd_r2plus1d-10_16x1x1-20e_{data}'
    )


def sampling(config) -> dict:
    """The sampler of a config with two views and without what two views may have otherwise."""
    (sampler,) = [
        dict(step) for step in steps(config.train_dataloader.dataset.pipeline) if step.type.startswith('Sample')
    ]
    sampler['num_clips' if 'num_clips' in sampler else 'num_views'] = 2
    return {key: value for key, value in sampler.items() if key not in OTHER_ARGUMENTS}


def clip_steps(config) -> dict:
    """The transforms of the clips, by name."""
    every = [step.transforms for step in steps(config.train_dataloader.dataset.pipeline) if step.type == 'EachClip']
    return {name: step for transforms in every for name, step in transforms.items() if step is not None}


@pytest.mark.parametrize('leaf', LEAFS)
def test_the_auxiliary_stage_draws_two_views_by_the_methods_own_sampler(leaf):
    views, own = read(leaf), read(own_config(leaf))
    two = sampling(views)
    assert two == sampling(own)
    dataset, own_dataset = views.train_dataloader.dataset, own.train_dataloader.dataset
    drawn = next(step for step in steps(dataset.pipeline) if step.type == two['type'])
    assert drawn.get('num_views', drawn.get('num_clips')) == 2
    assert leaf in OTHER_CLIPS or clip_steps(views) == clip_steps(own)
    assert all(step.get('groups') is None for step in steps(dataset.pipeline)), 'each view has a crop of its own'
    assert dataset.get('ann_file') == own_dataset.get('ann_file') and dataset.data_root == own_dataset.data_root
    assert views.model.backbone == own.model.backbone
    assert views.model.get('data_preprocessor') == own.model.get('data_preprocessor')


@pytest.mark.parametrize('leaf', LEAFS)
def test_the_auxiliary_stage_is_that_of_vspp_but_for_its_views(leaf):
    views, vspp = read(leaf), read(plain_stage(leaf))
    others = OTHER_SETTINGS.get(LEAFS[leaf]['method'], ())
    for key in {'optim_wrapper', 'param_scheduler', 'train_cfg', 'custom_hooks', 'default_hooks'} - set(others):
        assert views[key] == vspp[key], key
    own = ('data_preprocessor', 'backbone', 'necks')  # the width of the net's map
    assert {key: value for key, value in views.model.items() if key not in own} == {
        key: value for key, value in vspp.model.items() if key not in own
    }
    width = {'in_channels': views.model.necks.projection.in_channels}
    assert views.model.necks == {'projection': {**vspp.model.necks.projection, **width}}
    for key in {'batch_size', 'drop_last', 'sampler'} - set(others):
        assert views.train_dataloader.get(key) == vspp.train_dataloader.get(key), key


def test_no_leaf_is_left_out():
    assert set(LEAFS) == {name for name in CONFIGS if '-views_' in name}


def test_a_leaf_has_ten_lines_at_most():
    """Or fifteen, where it has the colours of two views beside."""
    most = {leaf: 15 if match['data'].startswith('k100') else 10 for leaf, match in LEAFS.items()}
    assert [leaf for leaf in LEAFS if len((ROOT / leaf).read_text().splitlines()) > most[leaf]] == []


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
