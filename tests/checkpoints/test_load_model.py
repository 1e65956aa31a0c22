"""Models from configs and checkpoints: whole backbones or a refusal, and nothing executed that came in a file."""

import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from videossl.apis import init_model, load_backbone
from videossl.checkpoints import hand_off, write_weights
from videossl.errors import CheckpointError, ConfigError
from videossl.features.clip_encoder import build_preprocessor, says_pixels
from videossl.models import C3D, R3D, BranchedBackbone

R3D_10 = dict(type='R3D', depth=10, base_channels=4)
BRANCHED = dict(type='BranchedBackbone', output='branches', backbone=R3D_10)
PRETRAINER = dict(
    type='Pretrainer', backbone=R3D_10, heads=dict(speed=dict(type='SpeedHead', in_channels=32, num_speeds=4))
)
MOMENTUM_PRETRAINER = dict(
    type='MomentumPretrainer',
    backbone=R3D_10,
    necks=dict(projection=dict(type='ProjectionNeck', in_channels=32, out_channels=8)),
    memory_bank=dict(type='MemoryBank', size=16, dim=8),
    heads=dict(instance=dict(type='InfoNCEHead', embedding='projection')),
)
RECOGNIZER = dict(
    type='Recognizer3D',
    backbone=R3D_10,
    cls_head=dict(type='I3DHead', in_channels=32, num_classes=3),
    data_preprocessor=dict(type='ClipDataPreprocessor'),
)
MODELS = dict(pretrainer=PRETRAINER, momentum=MOMENTUM_PRETRAINER, recognizer=RECOGNIZER)


def config_of(model, **others):
    return Config(dict(default_scope='videossl', model=copy.deepcopy(model), **others))


def random_model(config):
    """A model whose batch norms have statistics of their own too."""
    model = init_model(config, device='cpu')
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            value.uniform_(0.1, 1)
    return model


@pytest.fixture
def save(tmp_path):
    """A function that saves weights as our tools do, config included."""

    def save(config, weights, name='epoch_1.pth', **meta):
        meta = dict(dict(cfg=config.pretty_text) if config is not None else {}, epoch=1, **meta)
        torch.save(dict(meta=meta, state_dict=weights), tmp_path / name)
        return tmp_path / name

    return save


def assert_equal(one, other):
    one, other = one.state_dict(), other.state_dict()
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# --------------------------------------------------------------------------------------------------------- init_model
@pytest.mark.parametrize('name', MODELS)
def test_every_kind_of_model_gets_all_its_weights_and_is_ready(name, save):
    config = config_of(MODELS[name])
    trained = random_model(config)
    path = save(config, trained.state_dict())
    model = init_model(config, path, 'cpu')
    assert_equal(model, trained)
    assert not any(module.training for module in model.modules())
    assert model.cfg is config and model.checkpoint == str(path)


def test_a_config_is_read_from_its_file_and_from_the_installed_ones(tmp_path, save):
    config = config_of(PRETRAINER)
    config.dump(tmp_path / 'tiny.py')
    path = save(config, random_model(config).state_dict())
    assert isinstance(init_model(str(tmp_path / 'tiny.py'), path, 'cpu').backbone, R3D)
    assert init_model('videossl::laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py', device='cpu').heads.keys() == {
        'speed',
        'segment',
    }
    with pytest.raises(ConfigError, match='did you mean .*tiny.py'):
        init_model(tmp_path / 'tiny2.py')


def test_a_stock_config_of_mmaction2_builds_in_its_own_scope(tmp_path):
    config = Config(
        dict(
            default_scope='mmaction',
            model=dict(
                type='Recognizer3D',
                backbone=dict(type='C3D', dropout_ratio=0.5),
                cls_head=dict(type='I3DHead', in_channels=4096, num_classes=3),
            ),
        )
    )
    config.model.backbone = dict(
        type='ResNet3d',
        depth=18,
        pretrained='torchvision://resnet18',
        pretrained2d=True,
        conv_cfg=dict(type='Conv3d'),
        base_channels=4,
        norm_eval=False,
    )
    config.model.cls_head.in_channels = 32
    model = init_model(config, device='cpu')
    assert type(model).__module__.startswith('mmaction.') and type(model.backbone).__name__ == 'ResNet3d'
    assert config.model.backbone.pretrained == 'torchvision://resnet18', 'the config of the caller was changed'


def test_the_default_scope_stays_as_it_was():
    with DefaultScope.overwrite_default_scope('mmengine'):
        init_model(config_of(PRETRAINER), device='cpu')
        assert DefaultScope.get_current_instance().scope_name == 'mmengine'


def test_heads_may_be_missing_or_of_another_kind(save, monkeypatch):
    logged = []
    monkeypatch.setattr(hand_off, 'print_log', lambda text, **others: logged.append(text))
    pretrained = random_model(config_of(PRETRAINER))
    path = save(None, pretrained.state_dict())
    model = init_model(config_of(RECOGNIZER), path, 'cpu')
    assert_equal(model.backbone, pretrained.backbone)
    (printed,) = logged
    assert 'cls_head.fc_cls (2)' in printed.partition('missing: ')[2]
    assert 'heads.speed (2)' in printed.partition('dropped: ')[2]

    path = save(None, random_model(config_of(RECOGNIZER)).state_dict())
    five_classes = copy.deepcopy(RECOGNIZER)
    five_classes['cls_head']['num_classes'] = 5
    assert init_model(config_of(five_classes), path, 'cpu').cls_head.num_classes == 5


def test_a_bare_backbone_and_one_from_several_processes_are_taken(save):
    trained = random_model(config_of(PRETRAINER))
    bare = save(None, {**trained.backbone.state_dict(), 'fc.weight': torch.zeros(3, 32)}, 'bare.pth')
    assert_equal(init_model(config_of(PRETRAINER), bare, 'cpu').backbone, trained.backbone)
    wrapped = save(None, {f'module.{name}': value for name, value in trained.state_dict().items()}, 'wrapped.pth')
    assert_equal(init_model(config_of(PRETRAINER), wrapped, 'cpu'), trained)


def test_a_plain_net_fills_every_branch(save):
    trained = random_model(config_of(PRETRAINER))
    model = init_model(config_of(dict(PRETRAINER, backbone=BRANCHED)), save(None, trained.state_dict()), 'cpu')
    for branch in ('human', 'contrast'):
        assert torch.equal(
            model.backbone.state_dict()[f'branches.{branch}.stage4.0.conv1.weight'],
            trained.backbone.state_dict()['stage4.0.conv1.weight'],
        )


def without(weights, *names):
    return {name: value for name, value in weights.items() if name not in names}


@pytest.mark.parametrize(
    ('backbone', 'message'),
    [
        (dict(R3D_10, depth=18), 'lacks backbone.stage1.1'),
        (dict(R3D_10, base_channels=8), 'nothing in|of another shape'),
        (dict(type='C3D', base_channels=4), 'nothing in'),
        (dict(type='R2Plus1D', depth=10, base_channels=4), 'nothing in|lacks'),
    ],
)
@pytest.mark.parametrize('bare', [False, True])
def test_a_checkpoint_of_another_architecture_is_refused(save, backbone, message, bare):
    trained = random_model(config_of(PRETRAINER))
    path = save(None, (trained.backbone if bare else trained).state_dict())
    with pytest.raises(CheckpointError, match=message):
        init_model(config_of(dict(PRETRAINER, backbone=backbone)), path, 'cpu')


@pytest.mark.parametrize('bare', [False, True])
def test_a_deeper_net_is_refused_though_all_that_is_wanted_is_in_it(save, bare):
    deeper = random_model(config_of(dict(PRETRAINER, backbone=dict(R3D_10, depth=18))))
    path = save(None, (deeper.backbone if bare else deeper).state_dict())
    with pytest.raises(CheckpointError, match='the checkpoint has besides .*stage1.1'):
        init_model(config_of(PRETRAINER), path, 'cpu')


def test_a_single_missing_batch_norm_is_enough_for_a_refusal(save):
    weights = random_model(config_of(PRETRAINER)).state_dict()
    path = save(None, without(weights, 'backbone.stem.bn.running_mean'))
    with pytest.raises(CheckpointError, match='R3D: .* lacks backbone.stem.bn.running_mean'):
        init_model(config_of(PRETRAINER), path, 'cpu')


def test_counters_that_old_checkpoints_lack_are_not_missed(save):
    weights = random_model(config_of(PRETRAINER)).state_dict()
    counters = [name for name in weights if name.endswith('num_batches_tracked')]
    assert counters
    init_model(config_of(PRETRAINER), save(None, without(weights, *counters)), 'cpu')


def test_wrong_files_and_configs_are_named(tmp_path, save):
    with pytest.raises(CheckpointError, match='there is no checkpoint .*no.pth'):
        init_model(config_of(PRETRAINER), tmp_path / 'no.pth', 'cpu')
    (tmp_path / 'text.pth').write_text('weights')
    with pytest.raises(CheckpointError, match='text.pth'):
        init_model(config_of(PRETRAINER), tmp_path / 'text.pth', 'cpu')
    with pytest.raises(ConfigError, match='no model with a backbone'):
        init_model(Config(dict(model=dict(type='Pretrainer'))), device='cpu')


def test_a_frozen_parsing_network_is_not_asked_for():
    with_teacher = dict(
        PRETRAINER,
        necks=dict(human_map=dict(type='MapNeck')),
        heads=dict(
            parsing=dict(
                type='ParsingDistillHead',
                in_channels=32,
                num_classes=20,
                teacher=dict(type='SCHP', dataset='lip', checkpoint='not/there.pth'),
            )
        ),
    )
    assert init_model(config_of(with_teacher), device='cpu').heads['parsing'].teacher is None


# ------------------------------------------------------------------------------------------------------ load_backbone
@pytest.mark.parametrize('name', MODELS)
def test_a_backbone_comes_out_of_the_checkpoint_alone(name, save):
    config = config_of(MODELS[name])
    trained = random_model(config)
    path = save(config, trained.state_dict())
    backbone = load_backbone(path)
    assert type(backbone) is R3D and not backbone.training and backbone.checkpoint == str(path)
    assert_equal(backbone, trained.backbone)
    assert backbone.cfg.model.backbone == config.model.backbone


def test_a_backbone_with_branches_comes_out_too(save):
    config = config_of(dict(PRETRAINER, backbone=BRANCHED))
    trained = random_model(config)
    backbone = load_backbone(save(config, trained.state_dict()))
    assert type(backbone) is BranchedBackbone and backbone.output == 'branches'
    assert_equal(backbone, trained.backbone)


def test_no_weights_named_in_the_config_are_fetched(save):
    config = config_of(
        dict(
            PRETRAINER,
            backbone=dict(R3D_10, init_cfg=dict(type='Pretrained', checkpoint='not/there.pth', prefix='backbone.')),
        )
    )
    weights = random_model(config_of(PRETRAINER)).state_dict()
    load_backbone(save(config, weights))


def test_a_foreign_checkpoint_needs_its_backbone_named(save):
    trained = random_model(config_of(PRETRAINER))
    path = save(None, trained.backbone.state_dict())
    with pytest.raises(CheckpointError, match=r"Name it: .*backbone=dict\(type='R3D', depth=10\)"):
        load_backbone(path)
    assert_equal(load_backbone(path, backbone=R3D_10), trained.backbone)
    mine = R3D(depth=10, base_channels=4)
    assert load_backbone(path, backbone=mine) is mine
    assert_equal(mine, trained.backbone)
    with pytest.raises(CheckpointError, match='is it of another backbone'):
        load_backbone(path, backbone=C3D(base_channels=4))


def test_a_type_that_nobody_registered_is_named(save):
    config = config_of(dict(PRETRAINER, backbone=dict(type='my_package.MyNet')))
    path = save(config, random_model(config_of(PRETRAINER)).state_dict())
    with pytest.raises(CheckpointError, match="'my_package.MyNet'.*import"):
        load_backbone(path)


def own_file(path, model, form, **meta):
    """A file as the converters write it."""
    described = dict(backbone=dict(R3D_10, type='videossl.R3D'), **meta)
    write_weights(
        path / f'own{form}',
        {f'{meta.get("prefix", "")}{name}': value for name, value in model.backbone.state_dict().items()},
        described,
    )
    return path / f'own{form}'


@pytest.mark.parametrize('form', ['.pth', '.safetensors'])
@pytest.mark.parametrize('prefix', ['', 'backbone.', 'encoder.'])
def test_an_imported_or_exported_file_says_what_net_it_is_of_and_its_pixels(form, prefix, tmp_path):
    model = random_model(config_of(PRETRAINER))
    pixels = dict(type='videossl.ClipDataPreprocessor', mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0], to_bgr=True)
    net = load_backbone(own_file(tmp_path, model, form, prefix=prefix, data_preprocessor=pixels))
    assert_equal(net, model.backbone)
    preprocessor = build_preprocessor(net)
    assert preprocessor.to_bgr and preprocessor.std.flatten().tolist() == [1, 1, 1] and says_pixels(net)


def test_one_branch_is_loaded_as_what_its_file_says_and_not_as_the_training_config_in_it(tmp_path):
    text = config_of(dict(PRETRAINER, backbone=BRANCHED), train_batch=7).pretty_text
    net = load_backbone(own_file(tmp_path, random_model(config_of(PRETRAINER)), '.pth', cfg=text))
    assert type(net) is R3D and net.cfg.train_batch == 7


def test_the_pixels_of_a_foreign_file_can_be_named_and_a_guess_is_said_to_be_one(save, monkeypatch):
    path, warnings = save(None, random_model(config_of(PRETRAINER)).backbone.state_dict()), []
    monkeypatch.setattr('videossl.features.clip_encoder.print_log', lambda text, **others: warnings.append(text))
    guessed = load_backbone(path, backbone=R3D_10)
    assert guessed.cfg is None and not says_pixels(guessed)
    assert build_preprocessor(guessed).mean.flatten().tolist() == pytest.approx([123.675, 116.28, 103.53])
    assert len(warnings) == 1 and 'data_preprocessor=' in warnings[0] and '\n' not in warnings[0]
    named = load_backbone(path, backbone=R3D_10, data_preprocessor=dict(mean=[0, 0, 0], std=[255] * 3))
    assert build_preprocessor(named).std.flatten().tolist() == [255] * 3 and len(warnings) == 1
    for wrong, words in (
        (dict(means=[0] * 3), 'means'),
        (dict(std=[0] * 3), 'std must'),
        (dict(type='os.mkdir'), 'os.mkdir'),
    ):
        with pytest.raises(ConfigError, match=words):
            load_backbone(path, backbone=R3D_10, data_preprocessor=wrong)


def test_a_pretrainer_without_a_word_on_pixels_has_the_default_and_no_warning(save, monkeypatch):
    monkeypatch.setattr('videossl.features.clip_encoder.print_log', lambda *args, **others: pytest.fail('warned'))
    config = config_of(PRETRAINER)
    assert not build_preprocessor(load_backbone(save(config, random_model(config).state_dict()))).to_bgr
