"""The shell wrappers of tools/: usage, arguments passed on untouched, and two real processes on CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from videossl.datasets.moving_shapes import write_moving_shapes

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / 'tools'
CONFIG = ROOT / 'configs' / 'vspp' / 'vspp_r3d-10_16x1x1-20e_k100-rgb.py'
# Stands in for python and srun: says what it was called with.
RECORDER = f"""#!{sys.executable}
import json, os, sys
if sys.argv[1] == '-c':  # a question of the script's own
    os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])
print(json.dumps(dict(arguments=sys.argv[1:], path=os.environ['PYTHONPATH'], threads=os.environ.get('OMP_NUM_THREADS'))))
"""


def run(script: str, *arguments: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess:
    settings = {'PORT', 'NNODES', 'NODE_RANK', 'MASTER_ADDR', 'GPUS', 'GPUS_PER_NODE', 'SRUN_ARGS', 'OMP_NUM_THREADS'}
    environment = {name: value for name, value in os.environ.items() if name not in settings} | environment
    return subprocess.run(
        ['bash', str(TOOLS / script), *arguments], env=environment, capture_output=True, text=True, timeout=timeout
    )


@pytest.fixture
def recorder(tmp_path):
    for name in ('python', 'srun'):
        path = tmp_path / 'bin' / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(RECORDER)
        path.chmod(0o755)
    return dict(PYTHON=str(tmp_path / 'bin' / 'python'), PATH=f'{tmp_path / "bin"}:{os.environ["PATH"]}')


@pytest.mark.parametrize(
    'script, names',
    [
        ('dist_train.sh', 'CONFIG GPUS'),
        ('dist_test.sh', 'CONFIG CHECKPOINT GPUS'),
        ('slurm_train.sh', 'PARTITION JOB_NAME CONFIG'),
    ],
)
def test_scripts_explain_themselves_when_called_without_arguments(script, names):
    result = run(script)
    assert result.returncode == 2
    assert f'usage: tools/{script} {names}' in result.stderr
    for setting in (
        ['GPUS_PER_NODE', 'SRUN_ARGS'] if 'slurm' in script else ['NNODES', 'NODE_RANK', 'MASTER_ADDR', 'PORT']
    ):
        assert setting in result.stderr


@pytest.mark.parametrize('script', sorted(path.name for path in TOOLS.glob('*.sh')))
def test_scripts_are_executable_and_have_no_syntax_errors(script):
    assert os.access(TOOLS / script, os.X_OK)
    assert subprocess.run(['bash', '-n', str(TOOLS / script)]).returncode == 0


def test_dist_train_passes_arguments_on_as_they_are(recorder):
    result = run(
        'dist_train.sh', 'my configs/a.py', '2', '--data-root', 'my videos', '--cfg-options', 'a.b=[1, 2]', **recorder
    )
    called = json.loads(result.stdout)
    launcher, own = called['arguments'], called['arguments'].index(str(TOOLS / 'train.py'))
    assert launcher[:2] == ['-m', 'torch.distributed.run']
    assert launcher[launcher.index('--nproc-per-node') + 1] == '2'
    assert launcher[own + 1 :] == [
        'my configs/a.py',
        '--data-root',
        'my videos',
        '--cfg-options',
        'a.b=[1, 2]',
        '--launcher',
        'pytorch',
    ]
    assert called['path'].split(':')[0] == str(ROOT)
    assert int(called['threads']) >= 1


def test_dist_train_takes_several_machines_from_the_environment(recorder):
    result = run(
        'dist_train.sh',
        'a.py',
        '8',
        NNODES='4',
        NODE_RANK='3',
        MASTER_ADDR='10.0.0.1',
        PORT='1234',
        OMP_NUM_THREADS='5',
        **recorder,
    )
    called = json.loads(result.stdout)
    for name, value in (
        ('--nnodes', '4'),
        ('--node-rank', '3'),
        ('--master-addr', '10.0.0.1'),
        ('--master-port', '1234'),
    ):
        assert called['arguments'][called['arguments'].index(name) + 1] == value
    assert called['threads'] == '5'


def test_dist_test_passes_the_checkpoint_on(recorder):
    called = json.loads(run('dist_test.sh', 'a.py', 'best one.pth', '1', '--dump', 'out.pkl', **recorder).stdout)
    own = called['arguments'].index(str(TOOLS / 'test.py'))
    assert called['arguments'][own + 1 :] == ['a.py', 'best one.pth', '--dump', 'out.pkl', '--launcher', 'pytorch']


@pytest.mark.parametrize('processes', ['0', 'two', 'ckpt.pth'])
def test_dist_train_refuses_a_number_of_processes_that_is_none(processes):
    result = run('dist_train.sh', 'a.py', processes)
    assert result.returncode == 2
    assert f"got '{processes}'" in result.stderr


def test_slurm_train_asks_for_gpus_and_passes_arguments_on(recorder):
    result = run('slurm_train.sh', 'gpu', 'my job', 'a.py', '--resume', GPUS='4', SRUN_ARGS='--qos high', **recorder)
    arguments = json.loads(result.stdout)['arguments']
    assert {'--job-name=my job', '--gres=gpu:4', '--ntasks=4', '--ntasks-per-node=4', '--qos', 'high'} <= set(arguments)
    assert arguments[-5:] == [str(TOOLS / 'train.py'), 'a.py', '--launcher', 'slurm', '--resume']


def test_dist_train_runs_two_processes_on_cpu(tmp_path):
    videos = write_moving_shapes(tmp_path / 'my videos', num_train=8, num_test=1, size=64)
    result = run(
        'dist_train.sh',
        str(CONFIG),
        '2',
        '--data-root',
        str(videos),
        '--ann-file',
        'train.txt',
        '--work-dir',
        str(tmp_path / 'work'),
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_dataloader.batch_size=2',
        'train_dataloader.dataset.pipeline.clips.transforms.resize.scale=(40,36)',
        'train_dataloader.dataset.pipeline.clips.transforms.crop.size=32',
        'model.backbone.base_channels=4',
        'model.heads.speed.in_channels=32',
        'model.heads.segment.in_channels=32',
        'default_hooks.logger.interval=1',
        PYTHON=sys.executable,
        CUDA_VISIBLE_DEVICES='',
        OMP_NUM_THREADS='1',
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    # Eight videos, two processes, batches of two: two steps.
    assert '[2/2]' in result.stdout + result.stderr
    assert (tmp_path / 'work' / 'epoch_1.pth').exists()
