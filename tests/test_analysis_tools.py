"""The Python tools of tools/analysis, on the smallest nets and videos."""

import importlib.util
import json
import sys
import time
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.runner import runner
from torch.nn import functional as F

from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.models.teachers import SCHP
from videossl.registry import DATASETS

ROOT = Path(__file__).resolve().parents[1]
LAPTOP = ROOT / 'configs' / 'laptop'
TINY = {
    'model.backbone.backbone.base_channels': 2,
    'model.necks.appearance.in_channels': 16,
    'model.necks.motion.in_channels': 16,
    'model.heads.parsing.in_channels': 16,
    'model.heads.parsing.teacher.layers': (1, 1, 1, 1),
    'model.heads.parsing.teacher.width': 1 / 16,
    'model.heads.parsing.teacher.input_size': 33,
}


@pytest.fixture
def tool():
    """A function from a tool's name to its module."""
    loaded = []

    def load(name: str):
        spec = importlib.util.spec_from_file_location(name, ROOT / 'tools' / 'analysis' / f'{name}.py')
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    yield load
    for name in loaded:
        del sys.modules[name]
    DATASETS.module_dict.pop('NoiseClips', None)


def test_the_cost_is_measured_on_real_steps_and_the_teacher_runs_only_when_it_is_online(tool, monkeypatch):
    calls = []
    forward = SCHP.forward
    monkeypatch.setattr(
        SCHP, 'forward', lambda self, frames: calls.append(tuple(frames.shape)) or forward(self, frames)
    )
    one_second = SimpleNamespace(**{**vars(time), 'localtime': lambda seconds: time.gmtime(0)})
    monkeypatch.setattr(runner, 'time', one_second)  # a fast machine takes both measurements in one
    module = tool('parsing_cost')
    args = Namespace(
        config=str(LAPTOP / 'human-prior_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
        cfg_options=TINY,
        batch_size=2,
        steps=2,
        warm_up=1,
        size=32,
        checkpoint=None,
    )
    for online, expected in ((False, 0), (True, 3)):
        seconds, memory, accelerator, _ = module.measure(args, online)
        assert len(calls) == expected and all(shape == (2, 3, 32, 32) for shape in calls)
        assert seconds > 0 and memory > 0.05 and accelerator >= 0
    assert 0 < module.reading_time(module.load_config(args.config), repeats=2) < 5


def test_no_constant_map_fits_the_test_videos_better_than_the_best(tool, tmp_path, monkeypatch):
    module = tool('check_pretext_tasks')
    videos = write_moving_shapes(tmp_path, num_train=1, num_test=3, workers=1)
    seen = []
    build = DATASETS.build

    class Noted:
        def __init__(self, dataset):
            self.samples = [dataset[index] for index in range(len(dataset))]
            seen.extend(self.samples)

        def __len__(self):
            return len(self.samples)

        def __getitem__(self, index):
            return self.samples[index]

    monkeypatch.setattr(DATASETS, 'build', lambda cfg: Noted(build(cfg)))
    best = module.best_constant_map(
        str(LAPTOP / 'human-prior_r3d-10_16x1x1-64px-20e_moving-shapes-rgb.py'), videos, side=16
    )
    masks = [F.adaptive_avg_pool2d(sample['data_samples'].parsing_mask.float(), 16)[0] > 0.5 for sample in seen]
    assert len(masks) == 3 and all(mask.any() for mask in masks)
    often, scores = sum(mask.int() for mask in masks), []
    for guess in (often >= 1, often >= 2, often >= 3, *masks, torch.ones(16, 16, dtype=torch.bool)):
        scores.append(
            sum(int((guess & mask).sum()) for mask in masks) / max(1, sum(int((guess | mask).sum()) for mask in masks))
        )
    assert best == pytest.approx(max(scores), abs=0.02) and best >= max(scores) - 1e-6
    assert best < 1


def test_regressed_labels_are_compared_with_their_means(tool, monkeypatch):
    module = tool('check_pretext_tasks')
    labels = torch.tensor([[2, 5], [2, -100], [8, 6], [4, 9]])  # means 4 and 20 / 3
    motion = torch.full((4, 14), -100)
    motion[:, :2] = labels
    samples = [
        ActionDataSample(gt_motion_statistics=row[None], gt_appearance_statistics=torch.full((1, 13), number))
        for number, row in enumerate(motion)
    ]
    monkeypatch.setattr(module, 'test_samples', lambda config, videos: samples)
    constant = (4 + 4 + 16 + 0 + (25 + 4 + 49) / 9) / 7
    result = {'pretext/loss_motion_statistics': constant / 4, 'pretext/loss_appearance_statistics': 0.125}
    module.compare_with_constants(result, str(LAPTOP / 'mas_r3d-10_16x1x1-64px-20e_videos-rgb.py'), ROOT)
    assert result['pretext/explained_motion_statistics'] == pytest.approx(3 / 4)
    # Weighed by a tenth, the error is 1.25, as that of the mean of 0, 1, 2 and 3.
    assert result['pretext/explained_appearance_statistics'] == pytest.approx(0)


def test_the_net_of_a_check_is_tested_and_probed_from_a_folder_that_was_moved(tool, monkeypatch, tmp_path):
    module = tool('check_pretext_tasks')
    calls = []

    def call(name, *arguments, log):
        calls.append((name, *arguments))
        for option, content in (('--metrics-file', {'pretext/acc': 1}), ('--out', dict(linear_probe=dict(top1=0.5)))):
            if option in arguments:
                Path(arguments[arguments.index(option) + 1]).write_text(json.dumps(content))

    monkeypatch.setattr(module, 'call', call)
    for folder in (tmp_path, tmp_path / 'random'):
        folder.mkdir(exist_ok=True)
        (folder / 'epoch_1.pth').touch()
        (folder / 'last_checkpoint').write_text('/a/folder/of/before/epoch_1.pth\n')
    task = module.TASKS['vcop']
    assert module.run(task, tmp_path / 'videos', tmp_path)['pretext/acc'] == 1
    assert module.probed(task, tmp_path / 'videos', tmp_path, 1.0)['value'] == 0.5
    assert [name for name, *_ in calls] == ['train', 'test', 'evaluate_features', 'evaluate_features']
    assert calls[1][2] == calls[2][1] == str(tmp_path / 'epoch_1.pth')
    assert calls[3][1] == str(tmp_path / 'random' / 'epoch_1.pth')
