"""Configs out of checkpoints are data: what is read of them, and what is built from them."""

import pytest
import torch
from mmengine.config import Config

from videossl.checkpoints.embedded_config import build_part, check_parts, read_config_text, read_embedded, scope_of
from videossl.errors import CheckpointError
from videossl.models import R3D, BranchedBackbone
from videossl.registry import MODELS

R3D_10 = dict(type='R3D', depth=10, base_channels=4)
NORMS = dict(conv_cfg=dict(type='Conv3d'), norm_cfg=dict(type='BN3d'), act_cfg=dict(type='ReLU'))


def test_a_configs_text_gives_the_config_back_as_far_as_it_is_data():
    config = Config(
        dict(
            model=dict(backbone=R3D_10, a=(1, -2.5), b=[None, True, 'x\'"y'], c={'3 d': {}}, e=()),
            scale=(-1, 72),
            weights=[(1, 2.5e-3), {'a.b': None}],
            words="it's\nso",
            most=float('inf'),
        )
    )
    assert Config(read_config_text(config.pretty_text, 'model'))._cfg_dict == config._cfg_dict
    assert read_config_text("a = 1\nb = open('x')\nfilename = 'x'\nc = {**d}\nd = -2") == dict(a=1, d=-2)


@pytest.mark.parametrize(
    'value',
    [
        '[x for x in ()]',
        'dict(**{})',
        'dict([(1, 2)], a=open)',
        "__import__('os')",
        '(1).real',
        'list(1)',
        'float(a=1)',
        '9 ** 9 ** 9',
        '{[]: 1}',
    ],
)
def test_a_wanted_variable_that_is_not_data_is_refused_and_another_is_left_out(value):
    with pytest.raises(CheckpointError, match='plain values in "model".*--config'):
        read_config_text(f'model = {value}', 'model')
    assert read_config_text(f'model = {value}\na = 1') == dict(a=1)


@pytest.mark.parametrize('text', ['model = (', 'a = ' + '[' * 10_000, '\0', 'a' * 3 + ' b'], ids=range(4))
def test_a_text_that_is_not_python_is_refused(text):
    with pytest.raises(CheckpointError, match='cannot be parsed'):
        read_config_text(text)


def test_a_files_own_description_goes_before_its_training_config():
    text = Config(dict(model=dict(type='Pretrainer', backbone=R3D_10), batch=7)).pretty_text
    config = read_embedded(dict(meta=dict(cfg=text, backbone=dict(type='C3D'))), 'a.pth')
    assert config.batch == 7 and config.model == dict(type='Pretrainer', backbone=dict(type='C3D'))
    assert read_embedded(dict(meta=dict(epoch=1)), 'a.pth') is None and read_embedded(torch.zeros(1), 'a.pth') is None
    assert read_embedded(dict(meta=dict(cfg='model = (')), 'a.pth') is None


@pytest.mark.parametrize(
    'config, scope',
    [
        (R3D_10, 'videossl'),
        (dict(R3D_10, type='videossl.R3D'), 'mmaction'),
        (dict(R3D_10, init_cfg=dict(type='Pretrained', checkpoint='http://nowhere/x.pth')), 'videossl'),
        (dict(type='BranchedBackbone', backbone=R3D_10), 'videossl'),
        (dict(type='ResNet3d', depth=18, base_channels=4, pretrained='torchvision://resnet18', **NORMS), 'mmaction'),
        (dict(type='mmaction.ResNet3d', depth=18, base_channels=4, pretrained2d=False, **NORMS), 'videossl'),
    ],
)
def test_backbones_of_ours_and_mmaction2_are_built_without_their_pretrained_weights(config, scope):
    net = build_part(config, 'the test', scope)
    assert next(net.parameters()).numel() and not getattr(net, 'pretrained', None)


def test_a_preprocessor_that_mixes_clips_is_built():
    mixing = dict(type='RandomBatchAugment', augments=[dict(type='MixupBlending', num_classes=3)])
    part = build_part(dict(type='ClipDataPreprocessor', blending=mixing), 'the test')
    assert part.blending.num_classes == 3


def test_parts_that_the_user_has_registered_are_built():
    @MODELS.register_module(name='NetOfAUser')
    class Net(R3D):
        pass

    try:
        net = build_part(dict(type='BranchedBackbone', backbone=dict(R3D_10, type='NetOfAUser')), 'the test')
        assert isinstance(net, BranchedBackbone)
        assert type(build_part(dict(R3D_10, type='NetOfAUser'), 'the test')) is Net
    finally:
        del MODELS.module_dict['NetOfAUser']


def endless() -> dict:
    config: dict = dict(type='BranchedBackbone')
    config['backbone'] = config
    return config


@pytest.mark.parametrize(
    'config, message',
    [
        (dict(type='os.mkdir', path='x'), "type 'os.mkdir', which no registry has"),
        (dict(R3D_10, norm=[(dict(type='os.mkdir'),)]), "type 'os.mkdir', which no registry has"),
        (dict(type='BranchedBackbone', backbone=dict(type='os.mkdir')), "type 'os.mkdir', which no registry has"),
        (dict(type='elsewhere.R3D'), "type 'elsewhere.R3D', which no registry has"),
        (dict(type='mmdet.ResNet'), "type 'mmdet.ResNet', which no registry has"),
        (dict(R3D_10, _scope_='antigravity'), "scope 'antigravity', and the module of that name is not imported"),
        (dict(R3D_10, a=dict(_scope_='antigravity')), "scope 'antigravity'"),
        (dict(R3D_10, a=dict(type=print)), 'type <built-in function print>, which no registry has'),
        (dict(type='HuggingFaceTeacher', folder='x'), 'not a backbone, a data preprocessor or a layer'),
        (dict(type='ModuleTeacher', module=R3D_10), 'not a backbone, a data preprocessor or a layer'),
        (dict(type='Recognizer3D', backbone=dict(type='torchvision.resnet18')), 'not a backbone|which no registry has'),
        (dict(R3D_10, depth='deep'), 'cannot be built'),
        (dict(R3D_10, widths=1), 'cannot be built'),
        (dict(depth=10), 'names no type'),
        (dict(type=print), 'names no type'),
        ([R3D_10], 'names no type'),
        (endless(), 'nested without end'),
    ],
)
def test_everything_else_is_refused_by_name(config, message):
    with pytest.raises(CheckpointError, match=message):
        check_parts(config, 'the test')
        build_part(config, 'the test')


def test_a_default_scope_of_strangers_counts_only_for_names_that_need_it():
    config = dict(default_scope='antigravity')
    assert scope_of(config, dict(type='videossl.R3D')) == 'videossl'
    with pytest.raises(CheckpointError, match="scope 'antigravity'"):
        build_part(R3D_10, 'the test', scope_of(config, R3D_10))
    assert scope_of({}, R3D_10) == 'videossl' and scope_of(dict(default_scope='mmaction'), R3D_10) == 'mmaction'
