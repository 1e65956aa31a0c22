"""What is a user's to mend comes as a message with the place in the config; a bug keeps its traceback."""

import ast
import errno
import json
import os
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import distributed

from videossl.apis.front_door import TOOLS, script_of
from videossl.apis.front_door import main as front_door
from videossl.apis.running.check_config import check_config
from videossl.apis.running.config_parts import parameters_of
from videossl.apis.user_errors import building, run_command
from videossl.compat import config_directory
from videossl.config_files import load_config
from videossl.datasets.broken_videos import TooManyBroken
from videossl.engine.hooks import TrainingStopped
from videossl.errors import CheckpointError, ConfigError, UserError
from videossl.models import SpeedHead
from videossl.registry import DATASETS, HOOKS, MODELS, OPTIMIZERS

VSPP, RSPNET, AUX_SKD = (
    os.path.join(config_directory(), name)
    for name in (
        'vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py',
        'rspnet/rspnet_r3d-10_16x1x1-200e_k100-rgb.py',
        'aux_skd/aux-skd_r3d-10_16x1x1-20e_k100-rgb.py',
    )
)
PIPELINE = 'train_dataloader.dataset.pipeline'
BUILDERS = dict(
    data=lambda config: DATASETS.build(config.train_dataloader.dataset),
    model=lambda config: MODELS.build(config.model),
    hooks=lambda config: [HOOKS.build(hook) for hook in config.custom_hooks],
    optimizer=lambda config: OPTIMIZERS.build(
        dict(config.optim_wrapper.optimizer, params=[torch.nn.Parameter(torch.ones(1))])
    ),
)


def error_of(path: str, key: str, value, builder: str) -> ConfigError:
    """What comes of building a part of a config in which one key is changed, or taken out."""
    config = load_config(path)
    *parents, last = key.split('.')
    place = config
    for parent in parents:
        place = place[int(parent)] if isinstance(place, list) else place[parent]
    if value is None:
        place.pop(last)
    else:
        place[last] = value
    with pytest.raises(ConfigError) as error, DefaultScope.overwrite_default_scope('videossl'), building(config):
        check_config(config)
        BUILDERS[builder](config)
    return error.value


@pytest.mark.parametrize(
    ('config', 'key', 'builder', 'message'),
    [
        (
            RSPNET,
            f'{PIPELINE}.sample.balancd',
            'data',
            f'{PIPELINE}.sample: SampleRelativeSpeed has no argument "balancd"; did you mean "balanced"?',
        ),
        (
            VSPP,
            f'{PIPELINE}.clips.transforms.crop.sizee',
            'data',
            f'{PIPELINE}.clips.transforms.crop: RandomCrop has no argument "sizee"; did you mean "size"?',
        ),
        (
            VSPP,
            'train_dataloader.dataset.test_modde',
            'data',
            'train_dataloader.dataset: VideoDataset has no argument "test_modde"; did you mean "test_mode"?',
        ),
        (VSPP, 'model.backbone.dept', 'model', 'model.backbone: R3D has no argument "dept"; did you mean "depth"?'),
        (
            VSPP,
            'model.heads.speed.los_weight',
            'model',
            'model.heads.speed: SpeedHead has no argument "los_weight"; did you mean "loss_weight"?',
        ),
        (
            AUX_SKD,
            'custom_hooks.0.momentun',
            'hooks',
            'custom_hooks.0: MomentumTeacherHook has no argument "momentun"; did you mean "momentum"?',
        ),
        (
            VSPP,
            'optim_wrapper.optimizer.momentm',
            'optimizer',
            'optim_wrapper.optimizer: SGD has no argument "momentm"; did you mean "momentum"?',
        ),
        (VSPP, 'model.backbone.xyzzy', 'model', 'model.backbone: R3D has no argument "xyzzy"; it has base_channels'),
    ],
)
def test_an_argument_that_a_part_does_not_have(config, key, builder, message):
    assert str(error_of(config, key, 3, builder)).startswith(message)


@pytest.mark.parametrize(
    ('key', 'name', 'builder', 'message'),
    [
        (
            f'{PIPELINE}.sample.type',
            'SampleSegmentPase',
            'data',
            f'{PIPELINE}.sample: there is no transform "SampleSegmentPase"; did you mean "SampleSegmentPace"?',
        ),
        ('model.backbone.type', 'r3d', 'model', 'model.backbone: there is no model "r3d"; did you mean "R3D"?'),
        ('model.backbone.type', 'videossl.R2Plus1d', 'model', 'model.backbone: there is no model '),
        (
            'model.backbone.type',
            'Xyzzy',
            'model',
            'model.backbone: there is no model "Xyzzy"; if it is your own, import its module with custom_imports',
        ),
    ],
)
def test_a_type_that_nobody_knows(key, name, builder, message):
    assert str(error_of(VSPP, key, name, builder)).startswith(message)


def test_an_argument_that_a_part_needs():
    assert (
        str(error_of(VSPP, 'model.heads.speed.in_channels', None, 'model'))
        == 'model.heads.speed: SpeedHead needs in_channels'
    )


@pytest.mark.parametrize(
    ('key', 'value', 'builder', 'message'),
    [
        ('model.backbone.depth', 11, 'model', 'model.backbone: depth must be one of '),
        (
            'model.data_preprocessor.mean',
            'abc',
            'model',
            "model.data_preprocessor.mean: ClipDataPreprocessor needs a list, but it is 'abc'",
        ),
        (
            f'{PIPELINE}.clips.transforms.crop.size',
            'big',
            'data',
            f"{PIPELINE}.clips.transforms.crop: RandomCrop cannot be built with these values: size='big' (TypeError: ",
        ),
        ('optim_wrapper.optimizer.lr', -1, 'optimizer', 'optim_wrapper.optimizer: Invalid learning rate: -1'),
        ('model.backbone.type', None, 'model', 'model.backbone: there is no "type", the name of the part to build'),
    ],
)
def test_a_value_that_a_part_refuses_is_named_with_its_place(key, value, builder, message):
    assert str(error_of(VSPP, key, value, builder)).startswith(message)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ('model = dict((', "line 1: '(' was never closed: model = dict(("),
        ('x = 1\nmodel = dict(depth=deep)', "line 2: NameError: name 'deep' is not defined"),
        ("_base_ = ['nowhere.py']", 'nowhere.py: there is no such config; the _base_ of another names it'),
        (
            "custom_imports = dict(imports=['my_modul'], allow_failed_imports=False)",
            "custom_imports: No module named 'my_modul'; the folder",
        ),
    ],
)
def test_a_config_file_that_cannot_be_read_is_named_with_the_line(tmp_path, content, message, capsys, monkeypatch):
    (tmp_path / 'mine.py').write_text(content)
    monkeypatch.setattr('sys.argv', ['train.py'])
    with pytest.raises(SystemExit):
        run_command(lambda: load_config(str(tmp_path / 'mine.py')))
    printed = capsys.readouterr().err
    assert printed.startswith(f'error: {tmp_path}') and message in printed and 'Traceback' not in printed


def test_a_disk_without_room_for_logs_is_named(tmp_path, capsys, monkeypatch):
    (tmp_path / 'epoch_1.pth').write_text('')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_1.pth'))

    def main() -> None:
        with building({'work_dir': str(tmp_path)}):
            raise OSError(errno.ENOSPC, 'No space left on device', 'scalars.json')

    monkeypatch.setattr('sys.argv', ['train.py'])
    with pytest.raises(SystemExit):
        run_command(main)
    assert capsys.readouterr().err.startswith(
        f'error: the run stops, since there is no room for its files in {tmp_path}: No space left on device. The last whole '
        f'checkpoint is {tmp_path}/epoch_1.pth. Make room there and go on with --resume\n'
    )


def test_arguments_are_those_of_the_whole_line_of_parents():
    names, takes_any = parameters_of(SpeedHead)
    assert {'num_speeds', 'in_channels', 'dropout', 'ignore_index'} <= set(names) and not takes_any
    assert 'self' not in names and 'kwargs' not in names


@pytest.mark.parametrize(
    'error',
    [
        TypeError('f() takes 2 positional arguments but 3 were given'),
        KeyError('gt_speed'),
        TypeError("f() got an unexpected keyword argument 'x'"),
        IndexError('list'),
        RuntimeError('CUDA error'),
    ],
)
def test_a_bug_stays_what_it_is(error):
    with pytest.raises(type(error)) as found, building({'model': {'type': 'R3D', 'x': 1}}):
        raise error
    assert found.value is error


def shown(error: Exception, capsys, monkeypatch, own_errors: bool = False) -> tuple[str, object]:
    """What a command prints of an error, and the exception that comes out of it."""

    def main() -> None:
        with building({}):
            raise error

    monkeypatch.setattr('sys.argv', ['train.py'])
    try:
        run_command(main, own_errors)
    except (Exception, SystemExit) as out:
        return capsys.readouterr().err, out


@pytest.mark.parametrize(
    ('error', 'alone', 'alone_in_tools'),
    [
        (ConfigError('no such key'), True, True),
        (CheckpointError('nothing matches'), True, True),
        (TrainingStopped('the loss is NaN'), True, True),
        (ValueError('size must be positive'), False, True),
        (FileNotFoundError('no list'), True, True),
        (PermissionError('secret'), False, True),
        (RuntimeError('bug'), False, False),
    ],
)
def test_a_message_stands_alone_where_it_says_all(error, alone, alone_in_tools, capsys, monkeypatch):
    for own_errors, is_alone in ((False, alone), (True, alone_in_tools)):
        printed, out = shown(error, capsys, monkeypatch, own_errors)
        if is_alone:
            assert isinstance(out, SystemExit) and out.code == 1
            assert printed == f'error: {error}\n(VIDEOSSL_DEBUG=1 shows where it was raised)\n'
        else:
            assert out is error and printed == ''


def test_a_file_that_a_part_does_not_find_is_the_users_to_mend():
    config = dict(dataset=dict(type='VideoDataset', ann_file='nowhere.txt', data_root='no/such/folder'))
    with pytest.raises(FileNotFoundError) as error, building(config):
        DATASETS.build(dict(config['dataset']))
    assert isinstance(error.value, UserError) and 'no/such/folder' in str(error.value)


def test_the_registries_build_as_before_afterwards():
    before = MODELS.build_func, MODELS.parent.build_func
    with pytest.raises(ConfigError), building(dict(model=dict(type='R3D', depth=11))):
        MODELS.build(dict(type='R3D', depth=11))
    assert (MODELS.build_func, MODELS.parent.build_func) == before


@pytest.mark.parametrize('how', ['variable', 'option'])
def test_whoever_debugs_gets_the_traceback(how, capsys, monkeypatch):
    error = ConfigError('no such key')
    if how == 'variable':
        monkeypatch.setenv('VIDEOSSL_DEBUG', '1')
    printed, out = shown(error, capsys, monkeypatch) if how == 'variable' else (None, None)
    if how == 'option':
        monkeypatch.setattr('sys.argv', ['train.py', '--debug'])
        with pytest.raises(ConfigError):
            run_command(lambda: (_ for _ in ()).throw(error))
    else:
        assert out is error


def test_each_of_several_processes_says_which_it_is(capsys, monkeypatch):
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('RANK', '1')
    printed, _ = shown(ConfigError('no such key'), capsys, monkeypatch)
    assert printed.startswith('[rank 1] error: no such key\n')
    printed, out = shown(RuntimeError('gloo: Connection closed by peer [127.0.0.1]:1'), capsys, monkeypatch)
    assert printed.startswith('[rank 1] another process has ended') and isinstance(out, SystemExit)


def test_on_a_single_process_a_lost_connection_is_an_error_like_others(capsys, monkeypatch):
    error = RuntimeError('Connection closed by peer')
    assert shown(error, capsys, monkeypatch) == ('', error)


def test_the_launcher_is_told_the_reason_in_a_file_that_is_whole(tmp_path, capsys, monkeypatch):
    path = tmp_path / 'error.json'
    monkeypatch.setenv('TORCHELASTIC_ERROR_FILE', str(path))
    shown(RuntimeError('the reason'), capsys, monkeypatch)
    assert 'the reason' in json.dumps(json.loads(path.read_text()))
    assert [file.name for file in tmp_path.iterdir()] == ['error.json']
    assert os.environ['TORCHELASTIC_ERROR_FILE'] == str(path)


def test_an_error_in_a_loaders_worker_is_its_own_message_alone(capsys):
    def main():
        raise TooManyBroken(
            'Caught TooManyBroken in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n'
            '  File "a.py", line 1\nvideossl.TooManyBroken: 3 of 4 videos cannot be read\n'
        )

    with pytest.raises(SystemExit, match='1'):
        run_command(main)
    assert capsys.readouterr().err.startswith('error: 3 of 4 videos cannot be read\n')


def test_ctrl_c_ends_a_tool_without_a_traceback(capsys, monkeypatch):
    monkeypatch.delenv('VIDEOSSL_DEBUG', raising=False)

    def interrupted():
        raise KeyboardInterrupt

    for goes_on, told in ((False, 'stopped\n'), (True, 'stopped; run the same command again to go on\n')):
        with pytest.raises(SystemExit) as stop:
            run_command(interrupted, goes_on=goes_on)
        assert stop.value.code == 130 and capsys.readouterr().err == told


@pytest.mark.parametrize('name', TOOLS)
def test_each_command_shows_its_errors_in_one_way(name, capsys, monkeypatch):
    def refuse(*_) -> None:
        raise ConfigError('no such key')

    monkeypatch.setattr('argparse.ArgumentParser.parse_known_args', refuse)
    monkeypatch.delenv('VIDEOSSL_DEBUG', raising=False)
    with pytest.raises(SystemExit, match='1'):
        front_door([name])
    assert capsys.readouterr().err == 'error: no such key\n(VIDEOSSL_DEBUG=1 shows where it was raised)\n'
    monkeypatch.setenv('VIDEOSSL_DEBUG', '1')
    with pytest.raises(ConfigError):
        front_door([name])
    for path in sources(name):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name == 'main':
                handlers = [node for node in ast.walk(function) if isinstance(node, ast.ExceptHandler)]
                assert not [handler for handler in handlers if 'raise SystemExit' in ast.unparse(handler)], path


def sources(name: str) -> list[Path]:
    """A command's script, and the modules of the package that it imports a function ``command`` from."""
    script = Path(script_of(name))
    imported = [
        node.module
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.ImportFrom) and 'command' in [alias.name for alias in node.names]
    ]
    return [script, *(Path(import_module(module).__file__) for module in imported)]


@pytest.mark.parametrize('error', [None, SystemExit(143), ConfigError('wrong')], ids=['end', 'signal', 'error'])
def test_the_process_group_ends_with_the_work_and_stays_after_an_error(error):
    def main():
        distributed.init_process_group('gloo', store=distributed.HashStore(), rank=0, world_size=1)
        if error is not None:
            raise error

    try:
        with pytest.raises(SystemExit) if error else nullcontext():
            run_command(main)
        assert distributed.is_initialized() == isinstance(error, ConfigError)
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()
