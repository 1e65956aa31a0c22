"""A pretext task of somebody else's, in three files outside of videossl: those that docs/extend.md shows."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.registry import MODELS, TRANSFORMS
from videossl.visualization import Sampling

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'extend.md'


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """A folder with the files of the page under the names in their first lines, and videos."""
    folder = tmp_path_factory.mktemp('newcomer')
    section, _ = PAGE.read_text().split('\n## Add a backbone\n')
    for name, text in re.findall(r'```python\n# (\w+\.py)\n(.*?)```', section, re.DOTALL):
        (folder / name).write_text(f'# {name}\n{text}')
    write_moving_shapes(folder / 'shapes', num_train=2, num_test=0, num_frames=24, workers=1)
    return folder


def run(folder: Path, tool: str, *arguments: str) -> str:
    """What a tool prints that is called in the folder as the page says."""
    done = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / tool), 'backwards_quarter.py', '--data-root', 'shapes', *arguments],
        cwd=folder,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(folder), str(ROOT)]), 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


SMALL = ('--cfg-options', 'model.backbone.base_channels=2', 'model.heads.quarter.in_channels=16')


def test_there_are_three_files_of_forty_lines_together(folder):
    files = sorted(folder.glob('*.py'))
    assert [path.name for path in files] == ['backwards_quarter.py', 'quarter_head.py', 'quarter_sampler.py']
    assert sum(len(path.read_text().splitlines()) for path in files) <= 40


def test_a_quarter_of_consecutive_frames_is_played_backwards_and_described(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    module = importlib.import_module('quarter_sampler')
    try:
        sampler = module.SampleBackwardsQuarter(clip_len=8, num_views=2)
        np.random.seed(0)
        for _ in range(20):
            results = sampler(dict(total_frames=30, start_index=1))
            for view, quarter in enumerate(results['gt_quarter']):
                clip = results['frame_inds'].reshape(2, 4, 2)[view]
                assert (clip[quarter] == sorted(clip[quarter], reverse=True)).all()
                assert (np.sort(clip.reshape(-1)) == np.arange(clip.min(), clip.min() + 8)).all() and clip.min() >= 1
                assert (np.flatnonzero(np.diff(clip, axis=1) < 0) == [quarter]).all()
                words = Sampling(sampler).describe_view(results, view)
                assert words == f'view {view + 1}: quarter {quarter + 1} is played backwards'
                assert sampler.altered_positions(results, view).reshape(4, 2).all(axis=1).tolist() == [
                    number == quarter for number in range(4)
                ]
    finally:
        TRANSFORMS.module_dict.pop('SampleBackwardsQuarter')
        sys.modules.pop('quarter_sampler')
    assert 'QuarterHead' not in MODELS.module_dict


def test_it_trains_and_logs_its_accuracy(folder):
    options = ['train_cfg.max_epochs=1', 'train_dataloader.batch_size=4', 'train_dataloader.num_workers=0']
    more = ['train_dataloader.persistent_workers=False', 'default_hooks.logger.interval=1']
    printed = run(folder, 'train.py', '--work-dir', 'work', *SMALL, *options, *more)
    assert len(re.findall(r'loss_quarter: \d\.\d+ +acc_quarter: [01]\.', printed)) == 5, printed
    assert (folder / 'work' / 'epoch_1.pth').is_file()


def test_the_pictures_name_its_label_in_words(folder):
    run(folder, 'analysis/browse_clips.py', '--samples', '3', '--out', 'sheets', *SMALL)
    page = (folder / 'sheets' / 'index.html').read_text()
    assert len(re.findall('<li>view 1: quarter [1-4] is played backwards</li>', page)) == 3
