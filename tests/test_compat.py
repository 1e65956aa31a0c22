"""Every repair of :mod:`videossl.compat`: the fault, the effect, and that it keeps its hands off a mended release."""

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import types
import warnings
from pathlib import Path

import mmengine.config.config
import mmengine.hub.hub
import mmengine.utils.package_utils
import pytest
from mmengine.config import Config

import videossl
from videossl import compat

ROOT = Path(__file__).resolve().parents[1]
DRN = 'mmaction.models.localizers.drn'
PACKAGE_MODULES = (mmengine.utils.package_utils, mmengine.utils, mmengine.config.config, mmengine.hub.hub)


def run_python(code: str, *path: Path) -> subprocess.CompletedProcess:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(map(str, [*path, ROOT])))
    return subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, text=True, timeout=120)


def only_installed(versions: dict[str, str]):
    """Stands in for ``importlib.metadata.version`` where just these distributions are installed."""

    def version(name: str) -> str:
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    return version


def write_experiment(folder: Path, base: str) -> Path:
    path = folder / 'experiment.py'
    path.write_text(f"_base_ = ['{base}']\n")
    return path


@pytest.fixture
def untouched(monkeypatch):
    """Whatever a repair changes is put back after the test."""
    for name in (DRN, f'{DRN}.drn'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for module in PACKAGE_MODULES:
        for name in ('is_installed', 'get_installed_path'):
            monkeypatch.setattr(module, name, f'original {name}', raising=False)
    return monkeypatch


# ------------------------------------------------------------------------------------------------------- mmcv's version
@pytest.mark.parametrize('name', ['mmcv', 'mmcv-lite'])
@pytest.mark.parametrize('version', ['2.2.0', '2.10.0', '3.0.0rc1'])
def test_too_new_mmcv_is_refused_with_what_to_run(monkeypatch, name, version):
    monkeypatch.setattr(importlib.metadata, 'version', only_installed({name: version}))
    with pytest.raises(ImportError) as error:
        compat.check_mmcv_version()
    message = str(error.value)
    assert f'{name} {version}' in message
    assert f'pip uninstall -y {name} && pip install "mmcv-lite>=2.0.1,<2.2"' in message
    assert '\n' not in message


@pytest.mark.parametrize('versions', [{}, {'mmcv': '2.1.0'}, {'mmcv-lite': '2.0.1'}, {'mmcv-lite': '2.1.0'}])
def test_mmcv_that_mmaction2_accepts_is_let_be(monkeypatch, versions):
    monkeypatch.setattr(importlib.metadata, 'version', only_installed(versions))
    compat.check_mmcv_version()


def test_importing_videossl_beside_mmcv_2_2_ends_with_the_advice(tmp_path):
    information = tmp_path / 'mmcv-2.2.0.dist-info'
    information.mkdir()
    (information / 'METADATA').write_text('Metadata-Version: 2.1\nName: mmcv\nVersion: 2.2.0\n')
    result = run_python('import videossl', tmp_path)
    assert result.returncode != 0
    last_line = result.stderr.strip().splitlines()[-1]
    assert last_line.startswith('ImportError: mmaction2 does not work with mmcv 2.2.0. Run: pip uninstall -y mmcv && ')


# ------------------------------------------------------------------------------------------------------- the missing DRN
def mmaction_in(folder: Path, with_drn: bool):
    """Stands in for ``find_spec``, with mmaction2 in ``folder``."""
    (folder / 'mmaction' / 'models' / 'localizers' / ('drn' if with_drn else '')).mkdir(parents=True)
    spec = types.SimpleNamespace(origin=str(folder / 'mmaction' / '__init__.py'))
    return lambda name: spec if name == 'mmaction' else None


def test_mmaction_without_the_repairs_fails_exactly_where_they_were_made():
    result = run_python('import mmaction.models')
    if 'stub_missing_drn' in compat.applied:
        assert f"No module named '{DRN}'" in result.stderr
    else:
        assert result.returncode == 0, result.stderr


def test_missing_drn_gets_a_stand_in_that_cannot_be_built(untouched, tmp_path):
    untouched.setattr(importlib.util, 'find_spec', mmaction_in(tmp_path, with_drn=False))
    assert compat.stub_missing_drn() is True
    with pytest.raises(ImportError, match='does not contain the DRN localiser'):
        sys.modules[f'{DRN}.drn'].DRN(1, channels=2)


def test_drn_that_is_there_gets_no_stand_in(untouched, tmp_path):
    untouched.setattr(importlib.util, 'find_spec', mmaction_in(tmp_path, with_drn=True))
    assert compat.stub_missing_drn() is False
    assert DRN not in sys.modules and f'{DRN}.drn' not in sys.modules


def test_without_mmaction_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='videossl needs mmaction2: pip install'):
        compat.stub_missing_drn()


# ---------------------------------------------------------------------------------------- transformers, but not VindLU's
NEEDED_BY_VINDLU = {
    'timm.models.layers': ['DropPath'],
    'transformers.modeling_utils': ['apply_chunking_to_forward', 'find_pruneable_heads_and_indices'],
    'transformers.models.beit.modeling_beit': ['BeitAttention', 'BeitRelativePositionBias'],
}


@pytest.fixture
def beside_transformers(monkeypatch):
    """mmaction2 thinks that it can have VindLU, and all that VindLU imports is there."""
    monkeypatch.setattr('mmaction.utils.dependency.WITH_MULTIMODAL', True)
    for name, contents in NEEDED_BY_VINDLU.items():
        parts = name.split('.')
        for depth in range(1, len(parts) + 1):
            package = types.ModuleType('.'.join(parts[:depth]))
            package.__path__ = []
            monkeypatch.setitem(sys.modules, package.__name__, package)
        for content in contents:
            setattr(sys.modules[name], content, object)
    return monkeypatch


def test_transformers_without_timm_does_not_keep_videossl_from_importing(tmp_path):
    information = tmp_path / 'transformers-5.0.0.dist-info'
    information.mkdir()
    (information / 'METADATA').write_text('Metadata-Version: 2.1\nName: transformers\nVersion: 5.0.0\n')
    (tmp_path / 'transformers').mkdir()
    (tmp_path / 'transformers' / '__init__.py').touch()
    code = "import videossl; print(videossl.compat.applied); videossl.registry.MODELS.build(dict(type='VindLUVQA'))"
    result = run_python(code, tmp_path)
    assert 'leave_out_vindlu' in result.stdout, result.stderr
    assert 'extra multi-modal dependencies' in result.stderr


@pytest.mark.parametrize('name', NEEDED_BY_VINDLU)
def test_vindlu_is_left_out_where_something_it_imports_is_missing(beside_transformers, name):
    beside_transformers.setitem(sys.modules, name, types.ModuleType(name))
    assert compat.leave_out_vindlu() is True
    assert sys.modules['mmaction.utils.dependency'].WITH_MULTIMODAL is False


def test_vindlu_is_let_be_where_it_can_be_imported_or_is_left_out_already(beside_transformers):
    assert compat.leave_out_vindlu() is False
    assert sys.modules['mmaction.utils.dependency'].WITH_MULTIMODAL is True
    beside_transformers.setattr('mmaction.utils.dependency.WITH_MULTIMODAL', False)
    assert compat.leave_out_vindlu() is False


# ---------------------------------------------------------------------------------------------------- no pkg_resources
def hide(*hidden: str, show: tuple[str, ...] = ()):
    """Stands in for ``find_spec``: some modules are not there, others are."""
    find_spec = importlib.util.find_spec

    def find(name: str, package: str | None = None):
        if name in hidden:
            return None
        return types.SimpleNamespace(origin='somewhere') if name in show else find_spec(name, package)

    return find


def test_pkg_resources_that_is_there_goes_on_being_used(untouched):
    untouched.setattr(importlib.util, 'find_spec', hide(show=('pkg_resources',)))
    assert compat.replace_pkg_resources() is False
    assert {module.is_installed for module in PACKAGE_MODULES} == {'original is_installed'}
    assert {module.get_installed_path for module in PACKAGE_MODULES} == {'original get_installed_path'}


def test_without_pkg_resources_packages_are_found_by_distribution_and_module_name(untouched):
    untouched.setattr(importlib.util, 'find_spec', hide('pkg_resources'))
    assert compat.replace_pkg_resources() is True
    for module in PACKAGE_MODULES:
        assert module.is_installed('mmaction') and module.is_installed('mmaction2')
        assert not module.is_installed('no_such_package')
        folder = module.get_installed_path('mmaction2')
        assert folder == module.get_installed_path('mmaction')
        assert (Path(folder) / 'registry.py').exists()
        with pytest.raises(ModuleNotFoundError, match='no_such_package is not installed'):
            module.get_installed_path('no_such_package')


def test_pkg_resources_was_replaced_if_and_only_if_it_is_missing():
    assert ('replace_pkg_resources' in compat.applied) == (importlib.util.find_spec('pkg_resources') is None)


def test_configs_of_mmaction_can_be_inherited(tmp_path):
    """mmengine looks for the package's folder by ``get_installed_path``, so this fails without the repair."""
    config = Config.fromfile(write_experiment(tmp_path, 'mmaction::_base_/default_runtime.py'))
    assert config.default_scope == 'mmaction'


# --------------------------------------------------------------------------------------------------------- our configs
def without_scope(config):
    """mmengine notes in what is inherited from another package which registries it is for."""
    if isinstance(config, dict):
        return {key: without_scope(value) for key, value in config.items() if key != '_scope_'}
    return [without_scope(value) for value in config] if isinstance(config, list) else config


def test_configs_of_videossl_can_be_inherited_from_anywhere(tmp_path):
    path = 'vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py'
    inherited = Config.fromfile(write_experiment(tmp_path, f'videossl::{path}')).to_dict()
    assert without_scope(inherited) == Config.fromfile(ROOT / 'configs' / path).to_dict()
    assert inherited['model']['_scope_'] == 'videossl'


def test_config_that_videossl_does_not_have_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='vspp/no_such.py'):
        Config.fromfile(write_experiment(tmp_path, 'videossl::vspp/no_such.py'))


def test_a_checkout_uses_its_own_configs(monkeypatch, tmp_path):
    (tmp_path / 'videossl').mkdir()
    monkeypatch.setattr(compat, '__file__', str(tmp_path / 'videossl' / 'compat.py'))
    assert compat.config_directory() == str(tmp_path / 'configs')


def test_an_installed_package_uses_the_configs_it_brought(monkeypatch, tmp_path):
    (tmp_path / 'videossl' / '.mim' / 'configs').mkdir(parents=True)
    monkeypatch.setattr(compat, '__file__', str(tmp_path / 'videossl' / 'compat.py'))
    assert compat.config_directory() == str(tmp_path / 'videossl' / '.mim' / 'configs')


# ------------------------------------------------------------------------------------------------------------ as a whole
def test_a_config_is_written_with_its_keys_in_their_order():
    code = 'from mmengine.config import Config; print(Config(dict(b=dict(d=1, c=2), a=3)).pretty_text)'
    assert run_python(code).stdout == 'a = 3\nb = dict(c=2, d=1)\n\n', 'the repair is no longer needed'
    assert run_python(f'import videossl; {code}').stdout == 'b = dict(d=1, c=2)\na = 3\n\n'


def test_types_of_mmaction_and_mmengine_answer_without_prefix():
    """A parent registry does not import its modules when it is asked through a child: that is why videossl does."""
    assert videossl.registry.MODELS.get('Recognizer3D').__module__.startswith('mmaction.')
    assert videossl.registry.TRANSFORMS.get('DecordInit').__module__.startswith('mmaction.')
    assert videossl.registry.OPTIM_WRAPPERS.get('OptimWrapper').__module__.startswith('mmengine.')


def test_import_is_silent():
    result = run_python('import videossl')
    assert (result.returncode, result.stdout) == (0, '')
    assert 'Fail to import' not in result.stderr


def test_repairs_are_made_once(monkeypatch):
    before = list(compat.applied)
    resolve = Config._get_cfg_path
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        compat.apply()
    assert compat.applied == before
    assert Config._get_cfg_path is resolve


# ------------------------------------------------------------------------------------------------------ opening of files
def test_opening_files_of_this_machine_logs_nothing(tmp_path):
    (tmp_path / 'file').write_bytes(b'content')
    code = f'from mmengine.fileio import FileClient; print(FileClient("disk").get("{tmp_path / "file"}"))'
    assert 'deprecated' in run_python(code).stdout, 'the repair is no longer needed'
    assert run_python(f'import videossl; {code}').stdout == "b'content'\n"


def test_an_mmengine_that_logs_nothing_is_left_alone(monkeypatch):
    from mmengine.fileio import file_client

    monkeypatch.delattr(file_client, 'print_log')
    assert compat.silence_file_client() is False
    assert not hasattr(file_client, 'print_log')


# ---------------------------------------------------------------------------------------------------------- checkpoints
READ_A_PICKLE = """
import os, pickle
class Attack:
    def __reduce__(self):
        return print, ('the attack ran', )
with open('evil.pth', 'wb') as file:
    pickle.dump(dict(state_dict={}, attack=Attack()), file)
from mmengine.runner import checkpoint
for name, load in (('file', lambda: checkpoint.CheckpointLoader.load_checkpoint('evil.pth')),
                   ('url', lambda: checkpoint.load_url('file://' + os.path.abspath('evil.pth'), model_dir='.'))):
    try:
        load()
    except Exception as error:
        print(name, 'refused')
"""


def test_no_checkpoint_that_mmengine_reads_runs_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    assert run_python(READ_A_PICKLE).stdout.count('the attack ran') == 2, 'the repair is no longer needed'
    output = run_python(f'import videossl\n{READ_A_PICKLE}').stdout
    assert 'the attack ran' not in output and 'file refused' in output and 'url refused' in output


RUN_A_CONFIG = """
import torch
from mmengine.runner import Runner
from torch.utils.data import DataLoader
from mmengine.model import BaseModel
class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
    def forward(self, *arguments, **settings):
        return dict(loss=self.weight.sum())
hub = dict(log_scalars={}, runtime_info={}, resumed_keys={})
meta = dict(epoch=0, iter=0, config='print("the config ran")')
torch.save(dict(meta=meta, state_dict=Model().state_dict(), message_hub=hub), 'run.pth')
data = DataLoader([0])
runner = Runner(model=Model(), work_dir='work', train_dataloader=data, train_cfg=dict(by_epoch=True, max_epochs=1),
                optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)), default_scope='mmengine')
runner._train_loop = runner.build_train_loop(runner._train_loop)
runner.resume('run.pth')
print('resumed')
"""


def test_resuming_a_run_executes_no_config_of_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert 'the config ran' in run_python(RUN_A_CONFIG).stdout, 'the repair is no longer needed'
    output = run_python(f'import videossl\n{RUN_A_CONFIG}').stdout
    assert 'the config ran' not in output and 'resumed' in output


def test_mended_loaders_of_checkpoints_are_let_be(monkeypatch):
    from mmengine.runner import checkpoint

    before = checkpoint.load_url, checkpoint.CheckpointLoader.load_checkpoint
    monkeypatch.setattr(compat.inspect, 'getsource', lambda module: 'torch.load(filename, weights_only=True)')
    assert compat.refuse_objects_in_checkpoints() is False and compat.run_no_config_in_checkpoints() is False
    assert (checkpoint.load_url, checkpoint.CheckpointLoader.load_checkpoint) == before


# --------------------------------------------------------------------------------------------------------------- forking
FORK_AFTER_DECORD = """
import gc, os, time
import av, decord, numpy as np
with av.open('video.mp4', 'w') as output:
    stream = output.add_stream('libx264', rate=25)
    stream.width = stream.height = 64
    for number in range(12):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * number, np.uint8), format='rgb24')
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
gc.disable()
left = [decord.VideoReader('video.mp4', num_threads=1) for _ in range(20)]  # of one the threads may be done
for reader in left:
    reader[3]
del reader
left.append(left)
del left
process = os.fork()
if process == 0:
    gc.collect()
    os._exit(0)
end = time.monotonic() + SECONDS
while not os.waitpid(process, os.WNOHANG)[0]:
    if time.monotonic() > end:
        os.kill(process, 9)
        os.waitpid(process, 0)
        print('it waits')
        break
    time.sleep(0.01)
"""


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='a system without fork')
def test_a_forked_process_does_not_wait_for_threads_of_a_reader_that_its_parent_has_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_python(f'SECONDS = 1\n{FORK_AFTER_DECORD}').stdout == 'it waits\n', 'the repair is no longer needed'
    repaired = run_python(f'import videossl\nSECONDS = 60\n{FORK_AFTER_DECORD}')
    assert (repaired.returncode, repaired.stdout) == (0, ''), repaired.stderr
