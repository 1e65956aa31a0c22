"""A backbone that is written for others is the one that was trained, wherever it is loaded."""

import errno
import importlib.util
import json
import re
from pathlib import Path

import pytest
import torch
from author_names import features, lively
from mmengine.config import Config
from mmengine.registry import DefaultScope
from safetensors import safe_open
from safetensors.torch import load_file

from videossl.apis import load_backbone
from videossl.checkpoints import export_backbone, weights_sha256
from videossl.checkpoints.embedded_config import read_config_text
from videossl.errors import CheckpointError, WriteError
from videossl.models import R3D, R2Plus1D
from videossl.registry import MODELS

R3D_CONFIG = dict(type='R3D', depth=10, base_channels=4, frozen_stages=1, norm_eval=True)
BRANCHED = dict(type='BranchedBackbone', output='branches', backbone=dict(type='C3D', base_channels=4))


def momentum(backbone, **neck):
    return dict(
        type='MomentumPretrainer',
        backbone=backbone,
        memory_bank=dict(type='MemoryBank', size=8, dim=8),
        data_preprocessor=dict(type='ClipDataPreprocessor', to_bgr=True),
        necks=dict(projection=dict(type='ProjectionNeck', in_channels=32, out_channels=8, **neck)),
        predictors=dict(projection=dict(type='PredictorNeck', in_channels=8, hidden_channels=16, out_channels=8)),
        heads=dict(distill=dict(type='SimilarityDistillHead')),
    )


def save_run(path, model_config, **others):
    """A checkpoint as a run of mmengine's leaves it, and the model in it."""
    with DefaultScope.overwrite_default_scope('videossl'):
        model = lively(MODELS.build(dict(model_config)))
    config = Config(
        dict(
            model=model_config,
            default_scope='videossl',
            work_dir='/home/someone/work',
            load_from=None,
            param_scheduler=[dict(type='CosineAnnealingLR', end=float('inf'))],
            **others,
        )
    )
    torch.save(
        dict(
            meta=dict(
                cfg=config.pretty_text,
                experiment_name='aux-skd_r3d-10_20260101_120000',
                epoch=20,
                iter=7,
                seed=0,
                mmengine_version='0.10.7',
                hook_msgs=dict(secret='x'),
            ),
            state_dict=model.state_dict(),
            message_hub=dict(log_scalars={}),
            optimizer=dict(state={}),
            param_schedulers=[],
        ),
        path,
    )
    return model


@pytest.fixture
def run(tmp_path):
    model = save_run(tmp_path / 'epoch_20.pth', momentum(R3D_CONFIG))
    for name, value in model.teacher.state_dict().items():
        if value.is_floating_point():
            value.mul_(1.1)
    content = torch.load(tmp_path / 'epoch_20.pth', weights_only=True)
    content['state_dict'] = model.state_dict()
    torch.save(content, tmp_path / 'epoch_20.pth')
    return model, tmp_path / 'epoch_20.pth'


def test_plain_pytorch_loads_an_export(run, tmp_path):
    model, checkpoint = run
    report = export_backbone(checkpoint, tmp_path / 'r3d.pth')
    content = torch.load(tmp_path / 'r3d.pth', weights_only=True)
    net = R3D(10, base_channels=4)
    net.load_state_dict(content['state_dict'])
    assert torch.equal(features(net), features(model.backbone))
    assert list(content) == ['state_dict', 'meta']
    assert len(report.taken) == len(net.state_dict()) == len(content['state_dict'])
    assert len(report.taken) + len(report.dropped) == len(model.state_dict())
    assert any(name.startswith('teacher.') for name in report.dropped)


def test_an_export_says_what_it_is(run, tmp_path):
    export_backbone(checkpoint=run[1], out=tmp_path / 'r3d.pth')
    content = torch.load(tmp_path / 'r3d.pth', weights_only=True)
    meta = content['meta']
    assert meta['backbone'] == dict(type='videossl.R3D', depth=10, base_channels=4)  # no freezing, no preprocessor
    assert (meta['config'], meta['method'], meta['model'], meta['epoch'], meta['part']) == (
        'aux-skd_r3d-10',
        'aux-skd',
        'MomentumPretrainer',
        20,
        'student',
    )
    config = read_config_text(meta['cfg'], 'model', 'work_dir')
    assert config['model']['backbone'] == R3D_CONFIG and config['work_dir'] is None, (
        'the training config, without paths'
    )
    assert meta['data_preprocessor'] == dict(type='videossl.ClipDataPreprocessor', to_bgr=True)
    assert set(meta['versions']) == {'videossl', 'torch', 'mmengine', 'mmaction2'}
    assert torch.__version__.startswith(meta['versions']['torch'])  # a build for CUDA may add +cu124
    assert meta['weights_sha256'] == weights_sha256(content['state_dict'])
    assert 'terms' in meta['licence'] and 'someone' not in json.dumps(meta)
    export_backbone(run[1], tmp_path / 'r3d.pth', licence='CC BY 4.0')
    assert torch.load(tmp_path / 'r3d.pth', weights_only=True)['meta']['licence'] == 'CC BY 4.0'


def test_safetensors_loads_an_export(run, tmp_path):
    model, checkpoint = run
    export_backbone(checkpoint, tmp_path / 'r3d.safetensors')
    net = R3D(10, base_channels=4)
    net.load_state_dict(load_file(tmp_path / 'r3d.safetensors'))
    assert torch.equal(features(net), features(model.backbone))
    with safe_open(tmp_path / 'r3d.safetensors', 'pt') as file:
        metadata = file.metadata()
    built = MODELS.build(json.loads(metadata['backbone']))
    built.load_state_dict(load_file(tmp_path / 'r3d.safetensors'))
    assert metadata['weights_sha256'] == weights_sha256(net.state_dict())


@pytest.mark.parametrize('prefix', ['', 'backbone', 'encoder.'])
def test_mmaction2_loads_an_export_by_init_cfg(prefix, run, tmp_path):
    from mmaction.registry import MODELS as THEIRS

    model, checkpoint = run
    export_backbone(checkpoint, tmp_path / 'r3d.pth', prefix=prefix)
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'r3d.pth'))
    if prefix:
        init_cfg['prefix'] = prefix.rstrip('.') + '.'
    with DefaultScope.overwrite_default_scope('mmaction'):
        recognizer = THEIRS.build(
            dict(
                type='Recognizer3D',
                backbone=dict(type='videossl.R3D', depth=10, base_channels=4, init_cfg=init_cfg),
                cls_head=dict(type='I3DHead', in_channels=32, num_classes=3),
                data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCTHW'),
            )
        )
        recognizer.init_weights()
    assert torch.equal(features(recognizer.backbone), features(model.backbone))


def test_the_teachers_backbone_is_its_own(run, tmp_path):
    model, checkpoint = run
    export_backbone(checkpoint, tmp_path / 'teacher.pth', teacher=True)
    content = torch.load(tmp_path / 'teacher.pth', weights_only=True)
    net = R3D(10, base_channels=4)
    net.load_state_dict(content['state_dict'])
    assert torch.equal(features(net), features(model.teacher['backbone']))
    assert not torch.equal(features(net), features(model.backbone))
    assert content['meta']['part'] == 'teacher'


def test_one_branch_is_the_plain_net_and_all_are_the_branched_one(tmp_path):
    model = save_run(tmp_path / 'run.pth', momentum(BRANCHED, branch='contrast'))
    expected = features(model.backbone)
    for branch in ('human', 'contrast'):
        report = export_backbone(tmp_path / 'run.pth', tmp_path / 'branch.pth', branch=branch)
        content = torch.load(tmp_path / 'branch.pth', weights_only=True)
        assert content['meta']['backbone'] == dict(type='videossl.C3D', base_channels=4)
        net = MODELS.build(content['meta']['backbone'])
        net.load_state_dict(content['state_dict'])
        assert torch.equal(features(net), expected[branch])
        other = {'human': 'contrast', 'contrast': 'human'}[branch]
        assert any(name.startswith(f'backbone.branches.{other}.') for name in report.dropped)
    export_backbone(tmp_path / 'run.pth', tmp_path / 'all.pth')
    content = torch.load(tmp_path / 'all.pth', weights_only=True)
    net = MODELS.build(content['meta']['backbone'])
    net.load_state_dict(content['state_dict'])
    assert torch.equal(features(net), torch.cat([expected['human'], expected['contrast']], dim=1))


def test_the_branched_teacher_has_its_branches_alone(tmp_path):
    model = save_run(tmp_path / 'run.pth', momentum(BRANCHED, branch='contrast'))
    export_backbone(tmp_path / 'run.pth', tmp_path / 'teacher.pth', teacher=True)
    content = torch.load(tmp_path / 'teacher.pth', weights_only=True)
    assert content['meta']['backbone']['branches'] == ['contrast']
    net = MODELS.build(content['meta']['backbone'])
    net.load_state_dict(content['state_dict'])
    assert torch.equal(features(net), features(model.teacher['backbone'])['contrast'])
    with pytest.raises(CheckpointError, match='has the branches contrast'):
        export_backbone(tmp_path / 'run.pth', tmp_path / 'x.pth', teacher=True, branch='human')


def test_an_exported_file_can_be_given_another_format(run, tmp_path):
    model, checkpoint = run
    export_backbone(checkpoint, tmp_path / 'a.pth', prefix='net', licence='mine')
    export_backbone(tmp_path / 'a.pth', tmp_path / 'b.safetensors', prefix='backbone.')
    export_backbone(tmp_path / 'b.safetensors', tmp_path / 'c.pth')
    first, last = (torch.load(tmp_path / name, weights_only=True) for name in ('a.pth', 'c.pth'))
    assert {f'net.{name}' for name in last['state_dict']} == set(first['state_dict'])
    assert all(torch.equal(value, first['state_dict'][f'net.{name}']) for name, value in last['state_dict'].items())
    for key in ('backbone', 'licence', 'config', 'epoch', 'source', 'data_preprocessor'):
        assert last['meta'][key] == first['meta'][key], key


def test_a_checkpoint_of_mmaction2s_scope_builds_mmaction2s_net(tmp_path):
    backbone = dict(type='ResNet3d', depth=18, pretrained=None, base_channels=4)
    theirs = MODELS.build(dict(backbone, _scope_='mmaction'))
    torch.save(
        dict(
            meta=dict(
                cfg=Config(
                    dict(default_scope='mmaction', model=dict(type='Recognizer3D', backbone=backbone))
                ).pretty_text
            ),
            state_dict={f'backbone.{name}': value for name, value in theirs.state_dict().items()},
        ),
        tmp_path / 'run.pth',
    )
    export_backbone(tmp_path / 'run.pth', tmp_path / 'theirs.pth')
    meta = torch.load(tmp_path / 'theirs.pth', weights_only=True)['meta']
    assert meta['backbone'] == dict(type='mmaction.ResNet3d', depth=18, base_channels=4)


def test_a_bare_state_dict_needs_the_config(tmp_path):
    net = lively(R2Plus1D(10, base_channels=4))
    torch.save({f'backbone.{name}': value for name, value in net.state_dict().items()}, tmp_path / 'bare.pth')
    with pytest.raises(CheckpointError, match='does not hold the config.*--config'):
        export_backbone(tmp_path / 'bare.pth', tmp_path / 'out.pth')
    (tmp_path / 'mine.py').write_text("model = dict(backbone=dict(type='R2Plus1D', depth=10, base_channels=4))\n")
    export_backbone(tmp_path / 'bare.pth', tmp_path / 'out.pth', config=str(tmp_path / 'mine.py'))
    content = torch.load(tmp_path / 'out.pth', weights_only=True)
    assert content['meta']['config'] == 'mine'
    built = MODELS.build(content['meta']['backbone'])
    built.load_state_dict(content['state_dict'])
    assert torch.equal(features(built), features(net))


def test_weights_that_do_not_fit_the_config_are_refused(tmp_path):
    net = R3D(18, base_channels=4)
    torch.save({f'backbone.{name}': value for name, value in net.state_dict().items()}, tmp_path / 'bare.pth')
    (tmp_path / 'mine.py').write_text("model = dict(backbone=dict(type='R3D', depth=10, base_channels=4))\n")
    with pytest.raises(CheckpointError, match='48 unexpected: stage1.1.conv1.weight'):
        export_backbone(tmp_path / 'bare.pth', tmp_path / 'out.pth', config=str(tmp_path / 'mine.py'))
    (tmp_path / 'mine.py').write_text("model = dict(backbone=dict(type='R3D', depth=18, base_channels=8))\n")
    with pytest.raises(CheckpointError, match='of another shape: stem.conv.weight'):
        export_backbone(tmp_path / 'bare.pth', tmp_path / 'out.pth', config=str(tmp_path / 'mine.py'))
    (tmp_path / 'mine.py').write_text("model = dict(backbone=dict(type='R9D'))\n")
    with pytest.raises(CheckpointError, match="type 'R9D', which no registry has"):
        export_backbone(tmp_path / 'bare.pth', tmp_path / 'out.pth', config=str(tmp_path / 'mine.py'))
    assert not (tmp_path / 'out.pth').exists()


def test_a_backbone_of_the_users_own_is_exported_with_the_config_that_imports_it(tmp_path, monkeypatch):
    (tmp_path / 'my_nets.py').write_text(
        'from videossl.models import R3D\nfrom videossl.registry import MODELS\n\n\n'
        '@MODELS.register_module()\nclass NetOfMine(R3D):\n    pass\n'
    )
    (tmp_path / 'mine.py').write_text(
        "custom_imports = dict(imports=['my_nets'])\n"
        "model = dict(type='Pretrainer', backbone=dict(type='NetOfMine', depth=10, base_channels=4))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    model = save_run(
        tmp_path / 'run.pth',
        dict(type='Pretrainer', backbone=R3D_CONFIG, heads=dict(speed=dict(type='SpeedHead', in_channels=32))),
    )
    content = torch.load(tmp_path / 'run.pth', weights_only=True)
    content['meta']['cfg'] = (tmp_path / 'mine.py').read_text()
    torch.save(content, tmp_path / 'run.pth')
    with pytest.raises(CheckpointError, match="type 'NetOfMine', which no registry has.*--config"):
        export_backbone(tmp_path / 'run.pth', tmp_path / 'out.pth')
    try:
        export_backbone(tmp_path / 'run.pth', tmp_path / 'out.pth', config=str(tmp_path / 'mine.py'))
        net = load_backbone(tmp_path / 'out.pth')
        assert type(net).__name__ == 'NetOfMine' and torch.equal(net.stem.conv.weight, model.backbone.stem.conv.weight)
    finally:
        MODELS.module_dict.pop('NetOfMine', None)


def test_a_config_in_a_checkpoint_is_never_run(run, tmp_path):
    content = torch.load(run[1], weights_only=True)
    touch = f"open({str(tmp_path / 'touched')!r}, 'w')"
    content['meta']['cfg'] = f"a = {touch}\nmodel = dict(backbone=dict(type='R3D', depth=10, base_channels=4))\n{touch}"
    torch.save(content, tmp_path / 'evil.pth')
    export_backbone(tmp_path / 'evil.pth', tmp_path / 'out.pth')  # what is wanted is plain
    content['meta']['cfg'] = f"model = dict(backbone=dict(type='R3D', depth={touch}))"
    torch.save(content, tmp_path / 'evil.pth')
    with pytest.raises(CheckpointError, match='more than plain values.*not run.*--config'):
        export_backbone(tmp_path / 'evil.pth', tmp_path / 'out2.pth')
    assert not (tmp_path / 'touched').exists()


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(branch='human'), 'videossl.R3D, has no branches'),
        (dict(out='x.onnx'), 'ends with .pth, .pt, .safetensors'),
        (dict(checkpoint='none.pth'), 'there is no checkpoint'),
    ],
)
def test_bad_arguments(arguments, message, run, tmp_path):
    arguments = {'checkpoint': run[1], 'out': 'out.pth', **arguments}
    with pytest.raises(CheckpointError, match=message):
        export_backbone(**{**arguments, 'out': tmp_path / arguments['out']})


def test_a_checkpoint_without_a_teacher_or_backbone_says_so(tmp_path):
    save_run(
        tmp_path / 'run.pth',
        dict(type='Pretrainer', backbone=R3D_CONFIG, heads=dict(speed=dict(type='SpeedHead', in_channels=32))),
    )
    with pytest.raises(CheckpointError, match='teacher.backbone'):
        export_backbone(tmp_path / 'run.pth', tmp_path / 'x.pth', teacher=True)
    torch.save(dict(state_dict={'encoder.weight': torch.zeros(2)}), tmp_path / 'other.pth')
    with pytest.raises(CheckpointError, match='begin with backbone.; it has encoder'):
        export_backbone(tmp_path / 'other.pth', tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match='the checkpoint itself'):
        export_backbone(tmp_path / 'run.pth', tmp_path / 'run.pth')


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_a_file_is_written_whole_or_not_at_all(suffix, run, tmp_path, monkeypatch):
    def break_off(path, content):
        with path.open('wb') as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, 'No space left on device')

    out = tmp_path / f'r3d{suffix}'
    out.write_bytes(b'the old one')
    monkeypatch.setattr(Path, 'write_bytes', break_off)
    with pytest.raises(
        WriteError, match=f'r3d{suffix} could not be written: No space left on device.*before is unchanged'
    ):
        export_backbone(run[1], out)
    assert out.read_bytes() == b'the old one'
    assert not list(tmp_path.glob('*.tmp'))


def tool(name):
    path = Path(__file__).resolve().parents[2] / 'tools' / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_the_tools_print_what_they_did_or_one_sentence(run, tmp_path, capsys):
    checkpoint, out = str(run[1]), str(tmp_path / 'a.pth')
    tool('converters/export_backbone.py')([checkpoint, '--out', out])
    printed = capsys.readouterr().out
    assert re.search(r'72 tensors taken, \d+ dropped, 0 missing', printed) and 'SHA-256' in printed
    tool('publish_model.py')([checkpoint])
    assert '0 missing' in capsys.readouterr().out
    assert len(list(tmp_path.glob('epoch_20_*-*.pth'))) == 1
    with pytest.raises(CheckpointError, match='no net of a known layout'):  # our own names are nobody else's
        tool('converters/import_backbone.py')([out, '--out', str(tmp_path / 'b.pth')])
    with pytest.raises(CheckpointError, match='there is no checkpoint'):
        tool('publish_model.py')(['none.pth'])
    with pytest.raises(CheckpointError, match='there is no checkpoint'):
        tool('converters/export_backbone.py')(['none.pth', '--out', out])


def test_the_default_pixels_of_a_pretrainer_are_written_out_and_a_run_without_a_name_has_the_models_type(tmp_path):
    config = momentum(R3D_CONFIG)
    del config['data_preprocessor']
    save_run(tmp_path / 'run.pth', config)
    content = torch.load(tmp_path / 'run.pth', weights_only=True)
    content['meta']['experiment_name'] = 'default_20260101_120000'
    torch.save(content, tmp_path / 'run.pth')
    export_backbone(tmp_path / 'run.pth', tmp_path / 'out.pth')
    meta = torch.load(tmp_path / 'out.pth', weights_only=True)['meta']
    assert meta['data_preprocessor'] == dict(type='videossl.ClipDataPreprocessor')
    assert (meta['method'], meta['config']) == ('MomentumPretrainer', 'run')
