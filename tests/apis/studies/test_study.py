"""A study that is killed and gone on with; and one for real, tiny."""

import json
import os
import signal
import time
from multiprocessing import get_context
from pathlib import Path

from videossl.apis.studies import study as studies
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
}}
"""


def test_a_study_that_was_killed_goes_on_where_it_was(stand_in, run, monkeypatch):
    """What its stage goes on from, the tests of recipes show."""
    arguments = ('--seeds', '0', '--rows', 'random', 'vspp', '--columns', 'probe', '--jobs', '1')
    monkeypatch.setenv('SLOW', 'train vspp 0')
    study = get_context('fork').Process(target=run, args=arguments)
    study.start()
    end = time.monotonic() + 60
    while not (calls := stand_in()) or calls[-1]['stage'] != 'vspp':
        assert study.is_alive() and time.monotonic() < end, calls
        time.sleep(0.02)
    study.kill()
    study.join()
    os.kill(calls[-1]['pid'], signal.SIGKILL)  # a real one ends by itself
    monkeypatch.delenv('SLOW')
    status, output, results = run(*arguments)
    assert status == 0 and '2 of 4 steps were done before' in output and results['steps'] == dict(done=4, all=4)
    assert [(call['tool'], call['stage']) for call in stand_in()] == [
        ('train', 'untrained_vspp'),
        ('features', 'untrained_vspp'),
        ('train', 'vspp'),
        ('train', 'vspp'),
        ('features', 'vspp'),
    ]


def test_every_cell_of_a_real_study_is_filled(tmp_path, monkeypatch):
    videos = write_moving_shapes(tmp_path / 'videos', num_train=8, num_test=4, size=64, num_frames=32, num_classes=2)
    (tmp_path / 'tiny.py').write_text(STUDY.format(recipe=ROOT / 'configs' / 'recipes' / 'laptop.py'))
    work = tmp_path / 'work'
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    studies.main([str(tmp_path / 'tiny.py'), '--data-root', str(videos), '--work-dir', str(work), '--seeds', '7'])
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
