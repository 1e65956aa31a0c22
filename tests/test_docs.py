"""Every page is right: its Python runs, its configs pass the checks of training, its command lines are understood by the tools,
and the files, links, names and arguments that it mentions exist.

Blocks have a language: ``python`` is run, or checked if it is a config; ``bash`` has commands; ``console`` has commands after
``$`` and their output; ``text`` is output.
"""

import argparse
import ast
import importlib
import inspect
import itertools
import pkgutil
import re
import runpy
import shlex
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import Registry
from torch import nn

import videossl
from videossl import registry
from videossl.apis import init_model
from videossl.apis.front_door import COMMANDS
from videossl.apis.recipes.command import parse_args as parse_recipe_args
from videossl.apis.recipes.reader import choose_net, read_recipe
from videossl.apis.running.check_config import check_config, check_parts
from videossl.apis.running.config_parts import parameters_of
from videossl.apis.studies.reader import STUDY_KEYS, read_study
from videossl.apis.studies.study import parse_args as parse_study_args
from videossl.checkpoints import export_backbone
from videossl.config_files import RUNNER_KEYS, check_option, find_config, load_config
from videossl.datasets import VideoDataset
from videossl.datasets.broken_videos import LEAST_TRIED
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.engine import CollapseHook, LossGuardHook
from videossl.errors import ConfigError
from videossl.models import R3D

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (
        *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md', 'SECURITY.md')),
        *sorted((ROOT / 'docs').glob('*.md')),
        *sorted(ROOT.glob('examples/*/README.md')),
    )
]
REGISTRIES = [value for value in vars(registry).values() if isinstance(value, Registry)]
CONFIG_NAMES = RUNNER_KEYS | STUDY_KEYS | {'_base_', 'stages', 'table', 'teacher'}
OTHER_PROGRAMS = ('.', 'export', 'mim', 'pip', 'torchrun')
FRONT_DOOR = {name: f'tools/{script}' for task in COMMANDS.values() for name, (script, _) in task.items()}
ENTRY_POINTS = dict(re.findall(r"'(videossl-\w+) = ([\w.]+:\w+)'", (ROOT / 'setup.py').read_text()))
# What inline code may name beside what is in the repository: folders of the reader's, and what the build makes.
NOT_HERE = ('configs/recipes/X', 'videossl/.mim')


class Parsed(BaseException):
    """A tool has parsed its arguments; it is stopped there."""


def blocks_of(page: str) -> list[tuple[str, str]]:
    """The language and text of each block of a page."""
    found = re.findall(r'^( *)```(\w*)\n(.*?)^ *```$', (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    return [(language, textwrap.dedent(text)) for _, language, text in found]


def inline_code(page: str) -> list[str]:
    """What a page sets in backticks outside of blocks, a line break being a space."""
    text = re.sub(r'^ *```.*?^ *```$', '', (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    return [' '.join(code.split()) for code in re.findall(r'`([^`]+)`', text)]


def commands_of(page: str) -> Iterator[list[str]]:
    """The command lines of a page as lists of words: those of its blocks, and those in backticks."""
    for language, text in blocks_of(page):
        if language not in ('bash', 'console'):
            continue
        text = re.sub(r'\\\n', ' ', text)
        for line in text.splitlines():
            if language == 'console' and not line.startswith('$ '):
                continue
            words = shlex.split(line.removeprefix('$ '), comments=True)
            if words and not words[0].startswith('('):
                yield words
    for code in inline_code(page):
        if re.match(r'(python|make|videossl-\w+|videossl [a-z-]{3,}|--cfg-options) ', code):
            yield shlex.split(code)


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """A folder like a checkout, in which the videos, lists and checkpoints of the pages exist."""
    folder = tmp_path_factory.mktemp('docs')
    for name in ('examples', 'tools', 'benchmarks'):
        (folder / name).symlink_to(ROOT / name)
    for path in (ROOT / 'configs').glob('*/*'):
        (folder / path.parent.relative_to(ROOT)).mkdir(parents=True, exist_ok=True)
        (folder / path.relative_to(ROOT)).symlink_to(path)

    videos = write_moving_shapes(folder / 'MY_FOLDER', num_train=24, num_test=4, num_frames=20, workers=1)
    for name, source in (('held_out', 'test'), ('all', 'train')):
        (videos / f'{name}.txt').write_text((videos / f'{source}.txt').read_text())
    for kind, ending in (('videos', 'mp4'), ('masks', 'npz')):
        first = min((videos / kind / 'train').iterdir())
        (first.parent / f'NAME.{ending}').write_bytes(first.read_bytes())
    for name in ('data/moving_shapes', 'work_dirs/demo/moving_shapes'):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(videos)

    torch.manual_seed(0)
    config = Config.fromfile(str(ROOT / 'configs/laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'))
    config.model.backbone.base_channels = 2
    for head in config.model.heads.values():
        head.in_channels = 16
    trained = dict(
        meta=dict(cfg=config.pretty_text, epoch=20, iter=200), state_dict=init_model(config, device='cpu').state_dict()
    )
    for name in (
        'work_dirs/laptop/vspp_after_aux/epoch_20.pth',
        'work_dirs/demo/seed_0/vspp/epoch_3.pth',
        'epoch_20.pth',
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save(trained, folder / name)
    (folder / 'checkpoints').mkdir()
    for name in ('checkpoints/vcop_r3d.pth', 'r3d-10.pth', 'r3d-10.safetensors'):
        export_backbone(folder / 'epoch_20.pth', folder / name)
    torch.save(dict(state_dict=R3D(depth=10).state_dict()), folder / 'theirs.pth')
    torch.save(nn.Conv2d(3, 2, 1).state_dict(), folder / 'checkpoints' / 'skin.pth')
    return folder


@pytest.fixture(autouse=True)
def as_a_reader(folder, monkeypatch):
    """Work in the folder, and take back what a page registers and imports."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    parts = [dict(entry.module_dict) for entry in REGISTRIES]
    yield
    for entry, before in zip(REGISTRIES, parts):
        entry._module_dict.clear()
        entry._module_dict.update(before)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, '__file__', None)).startswith(str(folder)):
            del sys.modules[name]
    for path in folder.glob('*.py'):
        path.unlink()


def is_config(text: str) -> bool:
    """Whether a block only sets keys of a config, a recipe or a teacher's file."""
    lines = ast.parse(text).body
    return all(
        isinstance(line, ast.Assign) and isinstance(name := line.targets[0], ast.Name) and name.id in CONFIG_NAMES
        for line in lines
    )


def check_settings(text: str, name: str) -> None:
    """Check a block that is a config, a part of one, or a recipe."""
    if '\nstages = ' in f'\n{text}':
        path = Path('configs', 'recipes', name)
        path.write_text(text)
        stages, recipe, _ = read_recipe(parse_recipe_args([str(path)]))
        for stage in stages:
            check_config(stage.resolved_config)
        assert {name for row in recipe.table.rows for name in row.stages} <= {stage.name for stage in stages}
    elif '\nrows = ' in text:
        path = Path('configs', 'studies', name)
        path.write_text(text)
        study = read_study(parse_study_args([str(path), '--data-root', 'MY_FOLDER']))
        assert study.runs
    elif '_base_' in text:
        Path(name).write_text(text)
        check_config(load_config(name))
    else:
        settings: dict = {}
        exec(text, settings)
        settings.pop('__builtins__')
        settings['custom_hooks'] = [hook for hook in settings.get('custom_hooks', []) if hook is not ...]
        teacher = settings.pop('teacher', None)
        check_parts(teacher, 'teacher', registry.MODELS, True)
        scope = 'mmaction' if 'Recognizer3D' in text else 'videossl'
        check_config(Config(dict(settings, default_scope=scope)))


@pytest.mark.parametrize('page', [page for page in PAGES if any(block[0] == 'python' for block in blocks_of(page))])
def test_the_python_of_a_page_runs_in_its_order(page):
    names = dict(vars(videossl), torch=torch, videossl=videossl)
    for module in ('safetensors', 'safetensors.torch'):
        names[module.split('.')[0]] = importlib.import_module(module.split('.')[0])
        importlib.import_module(module)
    for number, (language, text) in enumerate(blocks_of(page)):
        if language != 'python':
            continue
        file = re.match(r'# (\w+)\.py\n', text)
        if is_config(text):
            check_settings(text, f'{file[1] if file else f"block_{number}"}.py')
        elif file:
            Path(f'{file[1]}.py').write_text(text)
            importlib.invalidate_caches()
            importlib.import_module(file[1])
        else:
            exec(compile(text, f'{page}, block {number}', 'exec'), names)


@pytest.fixture
def stop_when_parsed(monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self, *args, **kwargs):
        raise Parsed(parse(self, *args, **kwargs))

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', parse_and_stop)


def parse(words: list[str], monkeypatch) -> argparse.Namespace:
    """The arguments as the tool of a command line understands them."""
    monkeypatch.setattr(sys, 'argv', words)
    monkeypatch.syspath_prepend(str(ROOT / words[0].rpartition('/')[0]))  # where benchmarks share modules
    with pytest.raises(Parsed) as stopped:
        if words[0] in ENTRY_POINTS:
            pkgutil.resolve_name(ENTRY_POINTS[words[0]])()
        else:
            runpy.run_path(words[0], run_name='__main__')
    return stopped.value.args[0]


def has_key(config: str, key: str) -> bool:
    """Whether an override of this key is accepted for a config."""
    try:
        check_option(load_config(config), key)
    except ConfigError:
        return False
    return True


def stage_configs(recipe: str, net: str | None, name: str) -> list[str]:
    """The configs of a recipe's stage, or of all its stages."""
    content = load_config(recipe)
    choose_net(content, net, recipe)
    return [
        str(Path(recipe).parent / entry.config) for stage, entry in content.stages.items() if name in (stage, 'all')
    ]


def check_options(options: list[str], configs: list[str], recipes: list[tuple[str, str | None]]) -> None:
    """Check KEY=VALUE pairs that a page gives without a command: a config or recipe of the page must have the key."""
    for option in options:
        key = option.partition('=')[0]
        if key in ('KEY', 'STAGE.KEY', 'all.KEY', '...') or any(has_key(path, key) for path in configs):
            continue
        stage, _, key = key.partition('.')
        stages = [path for recipe, net in recipes for path in stage_configs(recipe, net, stage)]
        assert any(has_key(path, key) for path in stages), option


@pytest.mark.parametrize('page', PAGES)
def test_the_command_lines_of_a_page_are_understood(page, folder, monkeypatch, stop_when_parsed, capsys):
    targets = re.findall(r'^([\w-]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE)
    configs, recipes, fragments = [], [], []
    for words in commands_of(page):
        words = [
            word.strip('[]') if word.startswith('[') or word.endswith(']') and '[' not in word else word
            for word in words
        ]
        if words[0] == 'videossl':
            words = [FRONT_DOOR[words[1]], *words[2:]]
        if words[0] == 'python' and words[1] != '-m':
            words = [words[1].removeprefix('PATH_TO_VIDEOSSL/'), *words[2:]]
            assert Path(words[0]).is_file(), words
        if words[0] == 'make':
            assert all(word in targets for word in words[1:] if '=' not in word), words
        elif words[0] == '--cfg-options':
            fragments.append(list(itertools.takewhile(lambda word: '=' in word or word == '...', words[1:])))
        elif words[0].endswith('.sh'):
            assert Path(words[0]).is_file(), words
        elif words[0] not in OTHER_PROGRAMS:
            try:
                args = parse(words, monkeypatch)
            except SystemExit:
                pytest.fail(f'{" ".join(words)}\n{capsys.readouterr().err}')
            path = getattr(args, 'config', None)
            if path is not None and '/' in path:
                assert Path(find_config(path)).is_file(), words
                options = getattr(args, 'cfg_options', None) or {}
                check_config(load_config(path, options))
                configs.append(path)
            if getattr(args, 'study', None) is not None:
                assert Path(find_config(args.study)).is_file(), words
            if getattr(args, 'recipe', None) is not None and '/' in args.recipe:
                if args.data_root is not None:
                    Path(args.data_root).mkdir(exist_ok=True)
                stages, _, _ = read_recipe(args)
                for stage in stages:
                    check_config(load_config(stage.config, stage.options))
                recipes.append((args.recipe, args.net))
    some = ['configs/laptop/aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py']
    named = [code for code in inline_code(page) if re.fullmatch(r'configs/(?!recipes/)\S+\.py', code)]
    for options in fragments:
        check_options(options, [*configs, *named, *some], recipes)


def test_every_block_has_a_language():
    languages = {(page, language) for page in PAGES for language, _ in blocks_of(page)}
    assert {entry for entry in languages if entry[1] not in ('python', 'bash', 'console', 'text')} == set()


def anchors_of(path: Path) -> set[str]:
    """The anchors that a page's headings give."""
    headings = re.findall(r'^#+ (.*)$', path.read_text(), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


def test_every_link_leads_somewhere():
    dead = []
    for page in [*PAGES, 'CHANGELOG.md']:
        for link in re.findall(r'\]\(([^)\s]+)\)', (ROOT / page).read_text()):
            if '://' in link:
                continue
            name, _, anchor = link.partition('#')
            target = (ROOT / page).parent / name if name else ROOT / page
            if not target.exists() or anchor and anchor not in anchors_of(target):
                dead.append((page, link))
    assert dead == []


def alternatives(pattern: str) -> list[str]:
    """``a{b,c}`` as ``ab`` and ``ac``."""
    parts = [part.split(',') if index % 2 else [part] for index, part in enumerate(re.split(r'\{(.*?)\}', pattern))]
    return [''.join(choice) for choice in itertools.product(*parts)]


def test_every_file_that_a_page_names_exists():
    tops = r'(benchmarks|configs|docs|examples|requirements|tests|tools|videossl)/'
    missing = []
    for page, word in ((page, word) for page in PAGES for code in inline_code(page) for word in code.split()):
        inside = page == 'docs/architecture.md' and re.fullmatch(r'[a-z_/]+(/|\.py)', word)
        if not (re.match(tops, word) or inside) or word.startswith(NOT_HERE):
            continue
        for pattern in alternatives(word):
            found = [*ROOT.glob(pattern), *ROOT.glob(f'{pattern}.py')]
            if not found and not (inside and any(ROOT.glob(f'videossl/**/{pattern}'))):
                missing.append((page, word))
    assert missing == []


def test_the_page_on_the_layout_names_every_room_and_every_file_of_the_ground_floor():
    page = inline_code('docs/architecture.md')
    for path in (ROOT / 'videossl').iterdir():
        if path.suffix == '.py' and path.stem != '__init__':
            assert path.name in page
        elif (path / '__init__.py').exists():
            assert f'{path.name}/' in page


def find_class(name: str) -> type | None:
    """A registered class, or one of the package's public names."""
    for entry in REGISTRIES:
        if (found := entry.get(name)) is not None:
            return found
    for module in ('videossl.apis', 'videossl.checkpoints', 'videossl.datasets', 'videossl.errors', 'videossl.models'):
        if (found := getattr(importlib.import_module(module), name, None)) is not None:
            return found
    return None


@pytest.mark.parametrize('page', PAGES)
def test_the_names_and_arguments_that_a_page_mentions_exist(page):
    for code in inline_code(page):
        if dotted := re.fullmatch(r'(videossl(?:\.\w+)+)(\(.*\))?', code):
            last = dotted[1].rpartition('.')[2]
            assert find_class(last) is not None or pkgutil.resolve_name(dotted[1]) is not None, code
        for name, argument in re.findall(r'\b([A-Z][a-z0-9]\w+|[A-Z][A-Za-z0-9]+Head)\.([a-z_]+)\b', code):
            kind = find_class(name)
            if kind is not None:
                parameters, takes_any = parameters_of(kind)
                assert argument in parameters or takes_any or hasattr(kind, argument), code


def test_the_limits_on_the_pages_are_those_that_are_shipped():
    reliability, data = (' '.join((ROOT / 'docs' / name).read_text().split()) for name in ('reliability.md', 'data.md'))
    hooks = load_config('configs/_base_/default_runtime.py').default_hooks

    def defaults_of(function):
        return {name: one.default for name, one in inspect.signature(function).parameters.items()}

    videos, guard, collapse = map(defaults_of, (VideoDataset, LossGuardHook, CollapseHook))
    assert {**guard, **hooks.loss_guard} == {**guard, 'type': 'LossGuardHook'}
    collapse.update(hooks.collapse)
    for page, sentence in (
        (reliability, f'after {guard["max_in_a_row"]} such steps in a row or {guard["max_total"]} in all'),
        (reliability, f'`std_student` below {collapse["threshold"]} for {collapse["patience"]} iterations'),
        (reliability, f'The share is judged after {LEAST_TRIED} videos'),
        (reliability, f'(`decoder_timeout`, {videos["decoder_timeout"]:g} s)'),
        (data, f'`decoder_timeout` ({videos["decoder_timeout"]:g} s)'),
        (data, f'{videos["max_replacements"]} unreadable videos in a row end the run'),
    ):
        assert sentence in page, sentence
    assert videos['max_broken_share'] == 0.5 and 'more than half of the videos' in reliability


def test_a_misspelt_option_is_noticed(folder, monkeypatch, stop_when_parsed):
    with pytest.raises(SystemExit):
        parse(['tools/train.py', 'CONFIG', '--data-rot', 'MY_FOLDER'], monkeypatch)


def test_wrong_settings_are_noticed(folder):
    laptop = 'configs/laptop/aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'
    check_options(['all.train_cfg.max_epochs=5'], [laptop], [('configs/recipes/laptop.py', None)])
    with pytest.raises(ConfigError):
        check_settings("model = dict(type='Pretrainer', backbone=dict(type='R3E'), heads=dict())", 'wrong.py')
    with pytest.raises(ConfigError):
        study = "_base_ = '../_base_/studies/every_method.py'\nrows = dict(vspp=dict(agianst=['vcop']))\n"
        check_settings(study, 'wrong_study.py')
    with pytest.raises(AssertionError):
        check_options(['model.backbon.depth=18'], [laptop], [])
    with pytest.raises(AssertionError):
        check_options(['all.train_cfg.max_epoch.s=5'], [laptop], [('configs/recipes/laptop.py', None)])
