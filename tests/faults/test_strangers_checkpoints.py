"""A checkpoint from a stranger runs nothing, whatever reads it: every tool and API, on a corpus of evil files.

Each attack of the corpus would create a file. A reader may refuse the checkpoint with a message for users, or read it
without that file appearing; those that build from the checkpoint's own words must refuse.
"""

import copy
import importlib.util
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from videossl.apis import evaluate_features, extract_features, init_model, load_backbone
from videossl.apis.running import test, train
from videossl.checkpoints import export_backbone, import_backbone, publish_model, write_weights
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.errors import UserError
from videossl.features.clip_encoder import build_preprocessor

ROOT = Path(__file__).resolve().parents[2]
R3D_10 = dict(type='R3D', depth=10, base_channels=4)
MODEL = dict(type='Pretrainer', backbone=R3D_10, heads=dict(speed=dict(type='SpeedHead', in_channels=32, num_speeds=4)))
LAPTOP = str(ROOT / 'configs' / 'laptop' / 'vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py')
PROBE = str(ROOT / 'configs' / 'laptop' / 'finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py')
RUNS = itertools.count()


class Attack:
    """A pickle of this creates a file when it is read."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return exec, (f'open({str(self.victim)!r}, "w").close()',)


def in_config(**changes) -> Callable[[dict, Path], None]:
    """An attack in the text of the training config."""

    def attack(content: dict, victim: Path) -> None:
        entries = dict(default_scope='videossl', model=copy.deepcopy(MODEL))
        for key, value in changes.items():
            place, *path = entries, *key.split('__')
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = value(victim) if callable(value) else value
        content['meta']['cfg'] = Config(entries).pretty_text

    return attack


def in_meta(**changes) -> Callable[[dict, Path], None]:
    """An attack beside the weights, where exported files say what they hold."""

    def attack(content: dict, victim: Path) -> None:
        content['meta'].update(
            {key: value(victim) if callable(value) else value for key, value in changes.items()}, prefix='backbone.'
        )

    return attack


def in_text(text: str) -> Callable[[dict, Path], None]:
    """An attack by code in the text of the config; ``VICTIM`` stands for the file."""

    def attack(content: dict, victim: Path) -> None:
        content['meta']['cfg'] = text.replace('VICTIM', repr(str(victim)))

    return attack


def command(victim: Path) -> dict:
    return dict(type='subprocess.check_output', args=['touch', str(victim)])


def folder(victim: Path) -> dict:
    return dict(type='os.mkdir', path=str(victim))


def bare_folder(victim: Path) -> dict:
    return dict(type='mkdir', path=str(victim))


# The module evil_module creates the file when it is imported. Of each attack: whether reading the backbone's config
# must be refused; the others are without effect on it, or hit another part.
CORPUS = {
    'the backbone is a command': (in_meta(backbone=command), True),
    'the backbone in the config is a command': (in_config(model__backbone=command), True),
    'a backbone in a backbone': (in_meta(backbone=lambda file: dict(type='BranchedBackbone', backbone=folder(file))), True),
    'a part in a list': (in_meta(backbone=lambda file: dict(R3D_10, layers=[(folder(file),)])), True),
    'a function by its scope': (in_config(default_scope='os', model__backbone=bare_folder), True),
    'a class of a module': (in_meta(backbone=dict(type='evil_module.R3D', depth=10)), True),
    'a scope': (in_meta(backbone=dict(R3D_10, _scope_='evil_module')), True),
    'a scope in the config': (in_config(model__backbone___scope_='evil_module'), True),
    'a default scope': (in_config(default_scope='evil_module'), True),
    'code for a value': (in_text("model = dict(backbone=dict(type='R3D', depth=open(VICTIM, 'w')))"), True),
    'a teacher, which reads files': (in_meta(backbone=lambda file: dict(type='HuggingFaceTeacher', folder=str(file))), True),
    'a scope that is a list': (in_config(default_scope=['os']), True),
    'a backbone that is text': (in_meta(backbone='os.mkdir'), True),
    'a model that is a number': (in_text('model = 3'), True),
    'not Python': (in_text('model = dict(backbone=['), True),
    'imports': (in_config(custom_imports=dict(imports=['evil_module'])), False),
    'code in the config': (in_text(f"open(VICTIM, 'w')\nmodel = {MODEL}\nopen(VICTIM, 'w')"), False),
    'an initialisation': (in_config(model__backbone__init_cfg=folder), False),
    'the model': (in_config(model__type='evil_module.Model'), False),
    'a hook': (in_config(custom_hooks=lambda file: [folder(file)]), False),
    'code that mmengine runs': (lambda content, file: content['meta'].update(config=f'open({str(file)!r}, "w")'), False),
    'the data preprocessor': (
        lambda content, file: (in_config()(content, file), in_meta(backbone=R3D_10, data_preprocessor=folder)(content, file)),
        False,
    ),
    'a pickle': (lambda content, file: content['meta'].update(attack=Attack(file)), True),
}  # fmt: skip


@pytest.fixture
def victim(tmp_path, monkeypatch) -> Path:
    """The file that no reader may create."""
    file = tmp_path / 'victim'
    modules = tmp_path / 'modules'
    modules.mkdir()
    (modules / 'evil_module.py').write_text(f'open({str(file)!r}, "w").close()\nfrom videossl.models import R3D\n')
    monkeypatch.syspath_prepend(modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, 'evil_module', raising=False)
    with DefaultScope.overwrite_default_scope('videossl'):
        yield file
    sys.modules.pop('evil_module', None)


def content_of(model: dict = MODEL) -> dict:
    """A checkpoint of a run, from which a training can go on."""
    net = init_model(Config(dict(default_scope='videossl', model=model)), device='cpu')
    return dict(
        state_dict=net.state_dict(),
        meta=dict(epoch=0, iter=0, seed=0, experiment_name='run'),
        message_hub=dict(log_scalars={}, runtime_info={}, resumed_keys={}),
    )


def tool(name: str):
    path = ROOT / 'tools' / name
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


READERS = {
    'load_backbone': lambda path, out: build_preprocessor(load_backbone(path)),
    'load_backbone of a named net': lambda path, out: build_preprocessor(load_backbone(path, backbone=R3D_10)),
    'init_model': lambda path, out: init_model(Config(dict(default_scope='videossl', model=MODEL)), path, 'cpu'),
    'extract_features': lambda path, out: extract_features(load_backbone(path), [], num_clips=1),
    'evaluate_features.py': lambda path, out: evaluate_features.main(
        [path, '--data-root', str(out), '--train-list', 'none.txt', '--test-list', 'none.txt', '--device', 'cpu']
    ),
    'export_backbone': lambda path, out: export_backbone(path, out / 'net.pth'),
    'export_backbone.py': lambda path, out: tool('converters/export_backbone.py')([path, '--out', str(out / 'net.safetensors')]),
    'import_backbone.py': lambda path, out: tool('converters/import_backbone.py')([path, '--out', str(out / 'net.pth')]),
    'import_backbone': lambda path, out: import_backbone(path),
    'publish_model': lambda path, out: publish_model(path, out / 'net.pth'),
    'publish_model.py': lambda path, out: tool('publish_model.py')([path, '--out', str(out / 'net.pth')]),
}  # fmt: skip
BUILDS = {'load_backbone', 'extract_features', 'evaluate_features.py', 'export_backbone', 'export_backbone.py'}


def read(reader: Callable, path: Path, out: Path) -> str | None:
    """The message with which a reader refuses a file; any other error is raised."""
    try:
        reader(str(path), out)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize('attack', CORPUS)
@pytest.mark.parametrize('reader', READERS)
def test_no_reader_runs_anything_of_an_evil_checkpoint(reader, attack, victim, tmp_path):
    content, (change, must_refuse) = content_of(), CORPUS[attack]
    change(content, victim)
    torch.save(content, tmp_path / 'evil.pth')
    message = read(READERS[reader], tmp_path / 'evil.pth', tmp_path)
    assert not victim.exists()
    if must_refuse and reader in BUILDS or attack == 'a pickle':
        assert message is not None and 'evil.pth' in message


@pytest.mark.parametrize('attack', [name for name in CORPUS if name != 'a pickle'])
def test_a_safetensors_file_runs_nothing_either(attack, victim, tmp_path):
    content, (change, must_refuse) = content_of(), CORPUS[attack]
    change(content, victim)
    write_weights(tmp_path / 'evil.safetensors', content['state_dict'], content['meta'])
    for reader in ('load_backbone', 'export_backbone'):
        message = read(READERS[reader], tmp_path / 'evil.safetensors', tmp_path)
        assert not victim.exists() and (message is not None or not must_refuse)


def test_the_attacks_of_the_corpus_work_where_they_are_trusted(victim, tmp_path):
    from mmengine.registry import MODELS

    for attack in (
        lambda: MODELS.build(command(victim)),
        lambda: Config.fromstring(f'open({str(victim)!r}, "w")', '.py'),
        lambda: MODELS.build(dict(type='evil_module.R3D', depth=10)),
        lambda: torch.load(tmp_path / 'evil.pth', weights_only=False),
    ):
        torch.save(Attack(victim), tmp_path / 'evil.pth')
        attack()
        assert victim.exists()
        victim.unlink()


# ------------------------------------------------------------------------------------------------ training, test, pictures
def everything(victim: Path, model: dict) -> dict:
    """A checkpoint of a run with every attack that is not a pickle, and a message hub that names files to remove."""
    content = content_of(model)
    for change in (in_text(f"open(VICTIM, 'w')\nmodel = {MODEL}"), in_meta(backbone=command, data_preprocessor=folder)):
        change(content, victim)
    CORPUS['code that mmengine runs'][0](content, victim)
    content['message_hub']['runtime_info'] = dict(
        outdated_ckpts=['../precious.pth', str(victim.parent / 'precious.pth'), 'notes.txt'],
        keep_ckpt_ids=['../../precious', '1/../../precious', 1, 2],
    )
    return content


@pytest.fixture(scope='module')
def videos(tmp_path_factory) -> Path:
    return write_moving_shapes(tmp_path_factory.mktemp('videos'), num_train=4, num_test=2, size=64)


def arguments(
    config: str, videos: Path, work_dir: Path, ann_file: str, *others: str, options: list[str] = []
) -> list[str]:
    return [
        config, *others, '--data-root', str(videos), '--ann-file', ann_file, '--work-dir', str(work_dir),
        '--cfg-options', f'experiment_name=stranger{next(RUNS)}', 'model.backbone.base_channels=4',
        'default_hooks.precision.precision=fp32', *options,
    ]  # fmt: skip


TRAINING = [
    'train_dataloader.num_workers=0',
    'train_dataloader.batch_size=2',
    'train_cfg.max_epochs=1',
    'model.heads.speed.in_channels=32',
    'model.heads.segment.in_channels=32',
]


def trained_content(victim: Path) -> dict:
    heads = {name: dict(type=f'{name.title()}Head', in_channels=32) for name in ('speed', 'segment')}
    return everything(victim, dict(MODEL, heads=heads))


@pytest.mark.parametrize('option', ['--init-from', '--resume'])
def test_a_training_runs_and_removes_nothing_that_its_checkpoint_names(option, victim, videos, tmp_path):
    work_dir = tmp_path / 'run'
    work_dir.mkdir()
    kept = [tmp_path / 'precious.pth', work_dir / 'notes.txt']
    for file in kept:
        file.write_text('')
    torch.save(trained_content(victim), tmp_path / 'evil.pth')
    train.main(arguments(LAPTOP, videos, work_dir, 'train.txt', option, str(tmp_path / 'evil.pth'), options=TRAINING))
    assert not victim.exists() and all(file.exists() for file in kept)
    assert (work_dir / 'epoch_1.pth').exists()


def test_a_test_runs_nothing_that_its_checkpoint_names(victim, videos, tmp_path):
    model = dict(type='Recognizer3D', backbone=R3D_10, cls_head=dict(type='I3DHead', in_channels=32, num_classes=3))
    torch.save(everything(victim, model), tmp_path / 'evil.pth')
    options = ['model.cls_head.in_channels=32', 'model.cls_head.num_classes=3', 'test_dataloader.num_workers=0']
    test.main(arguments(PROBE, videos, tmp_path / 'run', 'test.txt', str(tmp_path / 'evil.pth'), options=options))
    assert not victim.exists()


def test_pictures_of_a_strangers_model_run_nothing(victim, videos, tmp_path):
    torch.save(trained_content(victim), tmp_path / 'evil.pth')
    video = next(line.split()[0] for line in (videos / 'test.txt').read_text().splitlines())
    options = ['model.backbone.base_channels=4', *(option for option in TRAINING if option.startswith('model'))]
    tool('analysis/cam.py')(
        [LAPTOP, str(tmp_path / 'evil.pth'), '--videos', str(videos / video), '--out',
         str(tmp_path / 'cam'), '--method', 'activation', '--cfg-options', *options]
    )  # fmt: skip
    assert not victim.exists() and any((tmp_path / 'cam').iterdir())


@pytest.mark.parametrize('option', ['--init-from', '--resume'])
def test_a_training_from_a_pickle_with_code_is_refused(option, victim, videos, tmp_path):
    content = trained_content(victim)
    CORPUS['a pickle'][0](content, victim)
    torch.save(content, tmp_path / 'evil.pth')
    with pytest.raises(UserError, match='evil.pth could not be read as a checkpoint of plain types'):
        train.main(
            arguments(
                LAPTOP, videos, tmp_path / 'run', 'train.txt', option, str(tmp_path / 'evil.pth'), options=TRAINING
            )
        )
    assert not victim.exists()
