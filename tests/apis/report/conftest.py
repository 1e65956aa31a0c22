"""What the tests of the report share: work folders, made by hand."""

import json

import numpy as np
import pytest

from videossl.features.clip_features import ClipFeatures

# Untouched, a browser would run it.
NASTY = '<script>alert("x")</script> & <b>VSPP</b>'
CONFIG = """
model = dict(
    type='Pretrainer',
    backbone=dict(type='R3D', depth=10, base_channels=2),
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    heads=dict(
        speed=dict(type='SpeedHead', in_channels=16, num_speeds=5),
        segment=dict(type='SegmentHead', in_channels=16, num_segments=4)))
train_dataloader = dict(
    batch_size=7,
    dataset=dict(
        type='RepeatDataset', times=2,
        dataset=dict(
            type='VideoDataset', data_root={root!r}, ann_file='train.txt',
            pipeline=dict(sample=dict(type='SampleSegmentPace', clip_len=16, num_speeds=5, num_segments=4)))))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=11)
randomness = dict(seed=3)
"""
HANDED = 'hand-off from /somewhere/aux/epoch_9.pth: 72 tensors taken, 87 dropped, 4 missing, 1 of another shape'
LOG = """2026/11/26 20:02:10 - mmengine - INFO -
------------------------------------------------------------
System environment:
    sys.platform: linux
    Python: 3.11.7
    PyTorch: 2.13.0+cpu
    PyTorch compiling details: PyTorch built with:
  - GCC 13.3

Runtime environment:
    seed: 3
------------------------------------------------------------
2026/11/26 20:02:11 - mmengine - INFO - Config:
2026/11/26 20:02:19 - mmengine - INFO - {handed}
  taken: backbone.stem (6), backbone.stage1 (66)
  dropped: teacher.backbone (87)
2026/11/26 20:02:20 - mmengine - INFO - Checkpoints will be saved
"""


@pytest.fixture(scope='session')
def make_run():
    """A function that writes the folder of a run: config, curves, log, state, broken videos."""

    def make(folder, root='/no/such/folder', seconds=150.0, **state):
        vis = folder / '20261126_200211' / 'vis_data'
        vis.mkdir(parents=True)
        (vis / 'config.py').write_text(CONFIG.format(root=str(root)))
        entries = [
            dict(
                step=step,
                iter=step,
                epoch=1,
                loss=3 - step / 100,
                acc_speed=step / 100,
                acc_segment=0.5,
                time=1.5,
                data_time=0.5,
            )
            for step in (20, 40, 60)
        ]
        (vis / 'scalars.json').write_text(''.join(json.dumps(entry) + '\n' for entry in entries))
        (vis.parent / '20261126_200211.log').write_text(LOG.format(handed=HANDED))
        (folder / 'stage.json').write_text(json.dumps(dict(seconds=seconds, fingerprint='f', trained=True, **state)))
        (folder / 'broken_videos.txt').write_text(f'videos/{NASTY}.mp4\tno stream of pictures\n')
        return folder

    return make


@pytest.fixture(scope='session')
def make_features():
    """A function that writes features of two classes of videos, apart by class, as ``features_{train,test}.npz``."""

    def make(folder, count=8):
        for split in ('train', 'test'):
            labels = np.arange(count) % 2
            values = np.random.default_rng(0).normal(size=(count, 2, 6)) + 9 * labels[:, None, None]
            paths = [f'{split}/{label}_{number}.mp4' for number, label in enumerate(labels)]
            readable = np.arange(count) != 1
            ClipFeatures(values, labels, paths, readable, dict(split=f'{split}.txt', num_clips=2)).save(
                folder / f'features_{split}.npz'
            )

    return make


def study_results(titles=('random net', NASTY)):
    """``results.json`` of a study of two rows, two columns, three seeds and few labels; no two numbers are alike."""
    cells, number = [], 0
    for row in ('random', 'vspp'):
        for column in ('probe', 'finetune'):
            for labels in ('all', '1'):
                number += 1
                values = {str(seed): 0.1 + 0.0231 * number + 0.0313 * seed for seed in (0, 1, 2)}
                mean = sum(values.values()) / 3
                cells.append(
                    dict(row=row, point=0, column=column, labels=labels, values=values, mean=mean, low=mean - 0.0271,
                         high=mean + 0.0271, number=3, standard_error=0.0111 + 0.0017 * number)
                )  # fmt: skip
    difference = dict(row='vspp', point=0, labels='all', low=0.0123, high=0.2123, number=3, standard_error=0.0456)
    return dict(
        name='hand made', split='test', seeds=[0, 1, 2], confidence=0.95, data_root='/no/such/folder',
        lists=dict(train='/no/such/folder/train.txt'), test_videos=120, classes=2, chance=0.5,
        pretext_chance=dict(acc_speed=0.2), titles=dict(zip(('random', 'vspp'), titles)),
        columns=dict(probe='linear probe', finetune='fine-tuning'), label_counts=[1], points=[{}],
        baseline=dict(probe='random', finetune='random'), cells=cells,
        differences=[dict(difference, column='probe', mean=0.1123, against='random', excludes_zero=True)],
        answers=[dict(difference, column='probe', mean=0.1123, against='random', verdict='yes', confidence=0.95)],
        selected=[], warnings=['a warning of <the> study'], minutes=[dict(row='vspp', point=0, minutes=7.3)],
        protocols=dict(linear_probe='logistic regression, C = 1'), chosen=None, best_epochs=[], notes=[], failed={},
        steps=dict(done=5, all=6), commands=['python tools/run_study.py x.py'], versions=dict(torch='2.99.1'),
    )  # fmt: skip


@pytest.fixture(scope='session')
def make_study(make_run, make_features):
    """A function that writes the folder of a study with one pretraining, its features, and results of two rows."""

    def make(folder):
        make_features(make_run(folder / 'seed_0' / 'vspp'))
        (folder / 'results.json').write_text(json.dumps(study_results()))
        return folder

    return make


@pytest.fixture
def study(tmp_path, make_study):
    """The folder of such a study."""
    return make_study(tmp_path / 'my study')


@pytest.fixture(scope='session')
def study_page(tmp_path_factory, make_study):
    """The page of such a study, in its folder; not to be changed."""
    pytest.importorskip('bokeh', reason='the report page needs bokeh: pip install "bokeh>=3.9"')
    from videossl.apis.report import write_html_report

    return write_html_report(make_study(tmp_path_factory.mktemp('report') / 'my study'))
