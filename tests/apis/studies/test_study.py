"""A study for real, tiny: killed, and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from videossl.datasets.moving_shapes import write_moving_shapes

ROOT = Path(__file__).parents[3]
STUDY = """
recipe = '{recipe}'
columns = ['probe', 'knn', 'R@1']
baseline = dict(features='random')
rows = dict(
    random=dict(title='random net', untrained='vspp'),
    vspp=dict(title='VSPP', features='vspp'),
)
few_labels = dict(counts=[1], repeats='train_dataloader.sampler.repeats')
views = dict(size=32, resize=36, num_clips=2)
options = {{
    'all.model.backbone.base_channels': 4,
    'all.model.heads.speed.in_channels': 32,
    'all.model.heads.segment.in_channels': 32,
    'all.model.cls_head.in_channels': 32,
    'all.train_cfg.max_epochs': 1,
    'all.train_dataloader.sampler.repeats': 1,
    'all.train_dataloader.batch_size': 2,
    'all.train_dataloader.dataset.pipeline.clips.transforms.resize.scale': (-1, 36),
    'all.train_dataloader.dataset.pipeline.clips.transforms.crop.size': 32,
    'all.test_dataloader.dataset.pipeline.sample.num_clips': 1,
    'all.test_dataloader.dataset.pipeline.crop.crop_size': 32,
    'all.default_hooks.logger.interval': 1,
    'vspp.train_cfg.max_epochs': 3,
    'vspp.train_dataloader.sampler.repeats': 4,
}}
"""


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'waited too long'
        time.sleep(0.02)


def test_a_study_that_was_killed_goes_on_where_it_was(tmp_path):
    videos = write_moving_shapes(tmp_path / 'videos', num_train=8, num_test=4, size=64, num_frames=32, num_classes=2)
    (tmp_path / 'tiny.py').write_text(STUDY.format(recipe=ROOT / 'configs' / 'recipes' / 'laptop.py'))
    work, first = tmp_path / 'work', tmp_path / 'first'
    command = [sys.executable, str(ROOT / 'tools' / 'run_study.py'), str(tmp_path / 'tiny.py')]
    command += ['--data-root', str(videos), '--work-dir', str(work), '--seeds', '7']
    environment = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    with open(first, 'w') as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            checkpoint = work / 'seed_7' / 'vspp' / 'last_checkpoint'
            wait_for(lambda: checkpoint.exists() or process.poll() is not None, 300)
            assert process.poll() is None, first.read_text()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    log = work / 'seed_7' / 'vspp' / 'output.log'
    wait_for(lambda: 'the process that started this run has ended' in log.read_text(), 120)
    assert 'trained' not in json.loads((work / 'seed_7' / 'vspp' / 'stage.json').read_text())
    second = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert second.returncode == 0, second.stdout + second.stderr
    assert 'steps were done before' in second.stdout and 'resumed epoch: ' in log.read_text()
    results = json.loads((work / 'results.json').read_text())
    cells = {(cell['row'], cell['column'], cell['labels']): cell for cell in results['cells']}
    assert set(cells) == {
        *((row, column, 'all') for row in ('random', 'vspp') for column in ('probe', 'knn', 'R@1')),
        ('random', 'probe', '1'), ('vspp', 'probe', '1')
    }  # fmt: skip
    for cell in cells.values():
        (value,) = cell['values'].values()
        assert 4 * value in range(5) and cell['low'] is None
    assert results['steps'] == dict(done=4, all=4) and (work / 'results.png').exists()
