"""The examples run as they stand, on small data."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope

from videossl.checkpoints import export_backbone
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.errors import CheckpointError
from videossl.models import R3D

EXAMPLES = Path(__file__).resolve().parents[1] / 'examples'
CONFIG = EXAMPLES / 'mmaction2_plugin' / 'r3d_videossl.py'
PLAIN = EXAMPLES / 'plain_pytorch.py'

# As somebody runs it who has mmaction2 and knows nothing of videossl: mmengine's runner, and the config.
RUN = """
import sys
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
config = Config.fromfile(sys.argv[1])
config.work_dir = 'work'
config.model.backbone.update(base_channels=4)
config.model.backbone.init_cfg.checkpoint = sys.argv[2]
config.model.cls_head.update(in_channels=32, num_classes=8)
for name, loader in (('train', config.train_dataloader), ('test', config.test_dataloader)):
    loader.update(batch_size=2, num_workers=0, persistent_workers=False)
    loader.dataset.ann_file = f'videos/{name}.txt'
    loader.dataset.data_prefix.video = 'videos'
    for transform in loader.dataset.pipeline:
        transform.update({'Resize': dict(scale=(40, 36)), 'RandomCrop': dict(size=32),
                          'CenterCrop': dict(crop_size=32)}.get(transform.type, {}))
config.train_cfg.max_epochs = 1
runner = Runner.from_cfg(config)


class Look(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if batch_idx == 0:
            torch.save({key: value.clone() for key, value in runner.model.backbone.state_dict().items()}, 'start.pth')


runner.register_hook(Look())
runner.train()
runner.test()
for part in (runner.model, runner.model.backbone, runner.train_dataloader.dataset, runner.model.data_preprocessor):
    print('PART', type(part).__module__.split('.')[0], type(part).__name__)
torch.save(runner.model.backbone.state_dict(), 'end.pth')
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('plugin')
    write_moving_shapes(folder / 'videos', num_train=4, num_test=2, size=64)
    return folder


def test_a_stock_config_of_mmaction2_trains_and_tests_our_backbone_from_our_checkpoint(folder):
    torch.manual_seed(0)
    net = R3D(10, base_channels=4)
    torch.save({f'backbone.{name}': value for name, value in net.state_dict().items()}, folder / 'run.pth')
    (folder / 'pretraining.py').write_text("model = dict(backbone=dict(type='R3D', depth=10, base_channels=4))\n")
    export_backbone(folder / 'run.pth', folder / 'r3d.pth', config=str(folder / 'pretraining.py'))

    result = run(folder, folder / 'r3d.pth')
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    parts = [line.split()[1:] for line in result.stdout.splitlines() if line.startswith('PART')]
    assert parts == [
        ['mmaction', 'Recognizer3D'],
        ['videossl', 'R3D'],
        ['mmaction', 'VideoDataset'],
        ['mmaction', 'ActionDataPreprocessor'],
    ]
    assert 'acc/top1' in result.stdout + result.stderr
    start, end = torch.load(folder / 'start.pth'), torch.load(folder / 'end.pth')
    assert start.keys() == net.state_dict().keys()
    assert all(torch.equal(value, start[name]) for name, value in net.state_dict().items())
    assert not torch.equal(start['stem.conv.weight'], end['stem.conv.weight'])


def test_with_a_checkpoint_of_another_net_it_does_not_start(tmp_path):
    torch.save(R3D(10, base_channels=8).state_dict(), tmp_path / 'wide.pth')
    config = Config.fromfile(str(CONFIG))
    config.model.backbone.base_channels = 4
    config.model.backbone.init_cfg.checkpoint = str(tmp_path / 'wide.pth')
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(config.model)
        with pytest.raises(CheckpointError, match='another backbone, depth or width'):
            model.init_weights()


def test_the_example_names_nothing_of_ours_but_the_backbone():
    lines = [line.strip() for line in CONFIG.read_text().splitlines() if 'videossl' in line]
    assert lines[0] == "custom_imports = dict(imports=['videossl'], allow_failed_imports=False)"
    assert re.findall(r'videossl\.\w+', ' '.join(lines[1:])) == ['videossl.R3D']


def test_aux_skd_trains_in_plain_pytorch_in_less_than_80_lines(folder):
    assert len(PLAIN.read_text().splitlines()) < 80
    result = subprocess.run(
        [sys.executable, str(PLAIN), '--videos', 'videos', '--epochs', '2', '--batch-size', '2', '--width', '2'],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''),
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    epochs = re.findall(r'epoch (\d): loss_distill ([\d.]+),', result.stdout)
    assert [number for number, _ in epochs] == ['1', '2'] and all(float(loss) > 0 for _, loss in epochs)
    net = R3D(10, base_channels=2)
    net.load_state_dict(torch.load(folder / 'backbone.pth'))
    # Six videos in batches of two, twice.
    assert net.stem.bn.num_batches_tracked == 6


def run(folder: Path, checkpoint: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-c', RUN, str(CONFIG), str(checkpoint)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env=dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''),
    )


# Instead of a tutorial's own settings.
SMALL_TUTORIAL = {
    'NUM_TRAIN, NUM_TEST': '8, 4',
    'NUM_VIDEOS': '8',
    'EPOCHS, REPEATS': '2, 4',
    'WIDTH': '2',
    'SEEDS': "['0', '1']",
    'FINETUNE_EPOCHS': '2',
    'THEIR_VIDEOS, THEIR_STEPS': '8, 2',
}
# More videos: five labels of each of eight classes must be fewer than all, and half of the videos a batch in four draws.
SMALLEST = {'few_labels': {'NUM_TRAIN, NUM_TEST': '48, 8'}, 'weights_of_others': {'NUM_TRAIN, NUM_TEST': '16, 4'}}
# What a tutorial is about, as it prints it.
RESULTS = {
    'features_of_a_folder': r'R@1: \d',
    'few_labels': r'- (Yes|Probably|No difference|It does harm).*5 labels per class.*\(2 seeds',
    'pretext_task': r'acc_direction: \d',
    'plain_pytorch': r'linear probe: \d+\.\d % VSPP',
    'mmaction2_project': r'acc/top1: \d+\.\d % from our file, \d+\.\d % from random weights',
    'weights_of_others': r'R@1: \d+\.\d % on test videos, epoch \d',
}


def run_tutorial(script: Path, folder: Path, settings: dict[str, str]) -> str:
    """Run a tutorial in a folder with other settings; returns what it printed."""
    text = script.read_text()
    for name, value in settings.items():
        text = re.sub(rf'^{name} = .*$', f'{name} = {value}', text, flags=re.MULTILINE)
    (folder / script.name).write_text(text)
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=folder,
        env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(EXAMPLES.parent)),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize('script', sorted((EXAMPLES / 'tutorials').glob('*.py')), ids=lambda script: script.stem)
def test_a_tutorial_runs_to_its_end(script, tmp_path):
    printed = run_tutorial(script, tmp_path, {**SMALL_TUTORIAL, **SMALLEST.get(script.stem, {})})
    text = (tmp_path / script.name).read_text()
    assert text.count('= 2, 4') == text.count('\nWIDTH = 2\n') == 1, 'its settings have these names'
    assert re.search(f'^{RESULTS[script.stem]}', printed, re.MULTILINE), printed[-2000:]
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob('work_dirs/tutorials/*')} == {
        f'work_dirs/tutorials/{script.stem}'
    }


@pytest.mark.slow
def test_the_tutorial_on_a_folder_takes_one_without_labels(tmp_path):
    rendered = write_moving_shapes(tmp_path / 'set', num_train=12, num_test=0, size=64, num_frames=48)
    (tmp_path / 'my videos' / 'last year').mkdir(parents=True)
    for number, video in enumerate(sorted(rendered.rglob('*.mp4'))):
        video.rename(tmp_path / 'my videos' / ('last year' if number % 2 else '') / f'a video {number}.mp4')
    script = EXAMPLES / 'tutorials' / 'features_of_a_folder.py'
    printed = run_tutorial(script, tmp_path, {**SMALL_TUTORIAL, 'VIDEOS': "'my videos'"})
    work = tmp_path / 'work_dirs' / 'tutorials' / script.stem
    assert f'the picture: {(work / "retrieval.png").relative_to(tmp_path)}' in printed and 'R@1' not in printed
    assert (work / 'retrieval.png').stat().st_size > 1000
    lists = [(work / f'{name}.txt').read_text().splitlines() for name in ('train', 'test')]
    assert [len(names) for names in lists] == [9, 3] and not set(lists[0]) & set(lists[1])
