"""The wheel: built from a copy of the checkout, without a network, and used from an empty folder."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from videossl import __version__
from videossl.datasets.moving_shapes import write_moving_shapes

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    'videossl',
    'configs',
    'tools',
    'requirements',
    'setup.py',
    'pyproject.toml',
    'MANIFEST.in',
    'LICENSE',
    'README.md',
    'docs/data',
)

EXPERIMENT = """
_base_ = ['videossl::vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py']
model = dict(
    backbone=dict(base_channels=4), heads=dict(speed=dict(in_channels=32), segment=dict(in_channels=32)))
train_dataloader = dict(batch_size=2)
train_cfg = dict(max_epochs=1)
default_hooks = dict(logger=dict(interval=1))
"""

# As somebody writes it who uses mmaction2 and takes a part or two from here.
STOCK_CONFIG = """
custom_imports = dict(imports=['videossl'], allow_failed_imports=False)
default_scope = 'mmaction'
model = dict(
    type='Recognizer3D',
    backbone=dict(type='videossl.R3D', depth=10, base_channels=4),
    cls_head=dict(type='I3DHead', in_channels=32, num_classes=5, spatial_type='avg', average_clips='prob'),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[104.0, 117.0, 128.0], std=[1.0, 1.0, 1.0], format_shape='NCTHW'))
pretrainer = dict(
    type='videossl.Pretrainer',
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    backbone=dict(type='C3D', base_channels=4),
    heads=dict(speed=dict(type='SpeedHead', in_channels=32, num_speeds=4)))
"""
BUILD_STOCK_CONFIG = """
import sys
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
config = Config.fromfile('stock.py')  # imports videossl
init_default_scope(config.default_scope)
from mmaction.registry import MODELS
recognizer, pretrainer = MODELS.build(config.model), MODELS.build(config.pretrainer)
recognizer.eval()
print(tuple(recognizer(torch.zeros(1, 1, 3, 8, 32, 32), stage='head')[0].shape))
for part in (recognizer, recognizer.cls_head, recognizer.backbone, pretrainer, pretrainer.backbone, pretrainer.heads['speed'],
             pretrainer.data_preprocessor):
    print(type(part).__module__.split('.')[0], type(part).__name__)
print(sys.modules['videossl'].__file__)
"""


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=dict(os.environ, **environment),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, f'{command}\n{result.stdout[-2000:]}\n{result.stderr[-4000:]}'
    return result.stdout + result.stderr


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / 'source' / part, ignore=shutil.ignore_patterns('__pycache__', '.mim'))
        elif source.exists():
            (folder / 'source' / part).parent.mkdir(exist_ok=True)
            shutil.copy(source, folder / 'source' / part)
    run(
        sys.executable,
        '-m',
        'pip',
        'wheel',
        '--no-index',
        '--no-deps',
        '--no-build-isolation',
        '--wheel-dir',
        folder,
        folder / 'source',
        folder=folder,
    )
    return next(folder.glob('*.whl'))


@pytest.fixture(scope='module')
def installed(wheel) -> Path:
    """A folder for PYTHONPATH with videossl installed from its wheel, and nothing else."""
    target = wheel.parent / 'installed'
    run(
        sys.executable,
        '-m',
        'pip',
        'install',
        '--quiet',
        '--no-index',
        '--no-deps',
        '--target',
        target,
        wheel,
        folder=wheel.parent,
    )
    return target


@pytest.fixture
def empty_folder(tmp_path) -> Path:
    folder = tmp_path / 'experiment'
    folder.mkdir()
    return folder


def test_wheel_holds_every_module_config_and_tool(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, place, pattern in (
        ('videossl', 'videossl', '*.py'),
        ('videossl', 'videossl', '*.jinja'),
        ('videossl', 'videossl', '*.txt'),
        ('configs', 'videossl/.mim/configs', '*.py'),
        ('tools', 'videossl/.mim/tools', '*.*'),
    ):
        wanted = {
            f'{place}/{path.relative_to(ROOT / folder).as_posix()}'
            for path in (ROOT / folder).rglob(pattern)
            if path.is_file() and not {'__pycache__', '.mim'} & set(path.parts)
        }
        assert wanted and wanted <= names, sorted(wanted - names)


def test_wheel_holds_an_index_of_metafiles_made_from_its_configs(wheel):
    no_models = {'_base_', 'evaluation', 'recipes', 'studies'}
    folders = {path.name for path in (ROOT / 'configs').iterdir() if path.is_dir()} - no_models
    with zipfile.ZipFile(wheel) as archive:
        index = yaml.safe_load(archive.read('videossl/.mim/model-index.yml'))['Import']
        assert index == sorted(f'configs/{folder}/metafile.yml' for folder in folders)
        for path in index:
            for model in yaml.safe_load(archive.read(f'videossl/.mim/{path}'))['Models']:
                assert archive.getinfo(f'videossl/.mim/{model["Config"]}').file_size
                assert model.get('Results', True), 'an empty entry'


def test_wheel_holds_nothing_else(wheel):
    tops = {name.split('/')[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {'videossl', f'videossl-{__version__}.dist-info'}
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith('.pyc')]


def test_wheel_asks_for_ranges_and_offers_commands(installed):
    distribution = next(iter(importlib.metadata.distributions(path=[str(installed)])))
    assert (distribution.metadata['Name'], distribution.version) == ('videossl', __version__)
    assert distribution.metadata['Requires-Python'] == '>=3.10'
    required = [line for line in distribution.requires if 'extra ==' not in line]
    assert {'mmengine', 'mmcv-lite', 'mmaction2', 'torch', 'decord', 'decord2', 'importlib-metadata'} <= {
        re.match(r'[\w-]+', line).group().replace('_', '-') for line in required
    }
    # A pin here would fight with what else a user has installed; constraints.txt has the pins.
    assert [line for line in required if '==' in line.split(';')[0]] == [
        line for line in required if 'mmaction2' in line
    ]
    assert {name: entry.value for name, entry in ((entry.name, entry) for entry in distribution.entry_points)} == {
        'videossl': 'videossl.apis.front_door:main',
        'videossl-train': 'videossl.apis.running.train:command',
        'videossl-test': 'videossl.apis.running.test:command',
        'videossl-recipe': 'videossl.apis.recipes.command:command',
        'videossl-features': 'videossl.apis.features:command',
        'videossl-compact': 'videossl.apis.preparation.compact:command',
        'videossl-report': 'videossl.apis.report.command:command',
        'videossl-doctor': 'videossl.apis.doctor.command:command',
    }


def test_every_command_is_a_function():
    targets = re.findall(r"'videossl[-a-z]* = ([\w.]+:\w+)'", (ROOT / 'setup.py').read_text())
    assert targets
    for target in targets:
        module, function = target.split(':')
        tree = ast.parse((ROOT / f'{module.replace(".", "/")}.py').read_text())
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, target


def test_every_requirement_has_a_release_in_the_constraints():
    def names(file: str) -> set[str]:
        lines = (re.match(r'[\w.-]+', line) for line in (ROOT / 'requirements' / file).read_text().splitlines())
        return {line.group().lower().replace('_', '-') for line in lines if line}

    needed = names('mminstall.txt') | names('runtime.txt') | names('tests.txt') | names('lint.txt') | names('docs.txt')
    assert needed - names('constraints.txt') == set()


def test_experiment_in_an_empty_folder_inherits_a_config_and_trains(installed, empty_folder):
    videos = write_moving_shapes(empty_folder.parent / 'videos', num_train=4, num_test=1, size=64)
    (empty_folder / 'experiment.py').write_text(EXPERIMENT)
    log = run(
        sys.executable,
        installed / 'bin' / 'videossl-train',
        'experiment.py',
        '--data-root',
        videos / 'videos' / 'train',
        '--cfg-options',
        'train_dataloader.dataset.pipeline.clips.transforms.resize.scale=(40,36)',
        'train_dataloader.dataset.pipeline.clips.transforms.crop.size=32',
        folder=empty_folder,
        PYTHONPATH=str(installed),
        OMP_NUM_THREADS='1',
    )
    # Four videos, found by looking, in batches of two.
    assert '[2/2]' in log
    assert (empty_folder / 'work_dirs' / 'experiment' / 'epoch_1.pth').exists()


def test_stock_mmaction_config_builds_our_parts_nested_ones_included(installed, empty_folder):
    (empty_folder / 'stock.py').write_text(STOCK_CONFIG)
    lines = run(
        sys.executable, '-W', 'ignore', '-c', BUILD_STOCK_CONFIG, folder=empty_folder, PYTHONPATH=str(installed)
    ).splitlines()[-9:]
    assert lines == [
        '(5,)',
        'mmaction Recognizer3D',
        'mmaction I3DHead',
        'videossl R3D',
        'videossl Pretrainer',
        'videossl C3D',
        'videossl SpeedHead',
        'videossl ClipDataPreprocessor',
        str(installed / 'videossl' / '__init__.py'),
    ]
