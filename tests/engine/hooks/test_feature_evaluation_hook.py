"""kNN and retrieval during training: the numbers are there, and training takes no notice."""

import json
import random

import cv2
import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import DefaultScope

from videossl.apis import extract_features
from videossl.engine import FeatureEvaluationHook
from videossl.evaluation import clip_retrieval, effective_rank, knn

VIEWS = dict(clip_len=4, size=32, resize=36)


@pytest.fixture(autouse=True)
def scope_of_each_run():
    """A runner sets mmengine's default scope for the whole process; put it back."""
    with DefaultScope.overwrite_default_scope('videossl'):
        yield


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Five videos of patches, two classes; one of the test list is no video."""
    folder = tmp_path_factory.mktemp('videos')
    for number in range(5):
        writer = cv2.VideoWriter(str(folder / f'{number}.mp4'), cv2.VideoWriter_fourcc(*'mp4v'), 25, (64, 64))
        for frame in np.random.default_rng(number).integers(0, 256, (8, 8, 8, 3), dtype=np.uint8):
            writer.write(frame.repeat(8, axis=0).repeat(8, axis=1))
        writer.release()
    (folder / 'text.mp4').write_text('no video')
    (folder / 'train.txt').write_text('0.mp4 0\n1.mp4 1\n2.mp4 0\n')
    (folder / 'test.txt').write_text('3.mp4 0\ntext.mp4 1\n4.mp4 1\n')
    (folder / 'unlabelled.txt').write_text('3.mp4\n')
    return folder


def hook(videos, **changes):
    return FeatureEvaluationHook(
        **{
            **dict(train_list='train.txt', test_list='test.txt', data_root=str(videos), views=VIEWS, num_workers=0),
            **changes,
        }
    )


class Draws(Hook):
    """Draws from every generator, and notes the modes of all modules, where the epoch has ended."""

    priority = 'LOWEST'  # registered behind the hook that is tested

    def __init__(self):
        self.draws, self.modes = [], []

    def after_train_epoch(self, runner):
        self.draws.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
        self.modes.append([module.training for module in runner.model.modules()])


def test_the_training_is_the_same_with_and_without_the_hook(build_runner, build_aux_skd, recorder, videos):
    runs = []
    momentum = [dict(type='MomentumTeacherHook', momentum=0.7), dict(type='MemoryBankHook')]
    for hooks in ([hook(videos)], []):
        draws, log = Draws(), type(recorder)()
        model = build_aux_skd()
        model.backbone.bn.eval()  # train() would not leave it so
        runner = build_runner(model, hooks=[*momentum, *hooks, draws, log], epochs=2, work_dir=f'run{len(runs)}')
        runner.train()
        runs.append((draws, log, model.state_dict()))
    (with_it, its_log, its_state), (without, log, state) = runs
    assert with_it.draws == without.draws and len(set(without.draws)) == 2
    assert with_it.modes == without.modes
    assert its_log.logs == log.logs
    assert its_state.keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in its_state.items())


def test_the_numbers_are_those_of_the_functions_and_go_to_hub_and_scalars(build_runner, build_vspp, videos, tmp_path):
    model = build_vspp()
    runner = build_runner(
        model,
        hooks=[hook(videos, ks=(1, 2), k=3, num_clips=2)],
        visualizer=dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')]),
    )
    runner.train()
    gallery, queries = (
        extract_features(
            model,
            dict(ann_file=name, data_root=str(videos)),
            num_clips=2,
            num_workers=0,
            progress=False,
            precision='fp32',
            **VIEWS,
        )
        for name in ('train.txt', 'test.txt')
    )
    retrieval, votes = clip_retrieval(gallery, queries, (1, 2)), knn(gallery, queries, 3)
    expected = {
        'eval/knn_top1': votes['top1'],
        'eval/knn_top5': votes['top5'],
        'eval/R@1': retrieval['R@1'],
        'eval/R@2': retrieval['R@2'],
        'eval/rank': effective_rank(queries.features.mean(axis=1)),
    }
    assert queries.unreadable == ['text.mp4'] and votes['top5'] == pytest.approx(2 / 3)
    for name, value in expected.items():
        assert runner.message_hub.get_scalar(name).current() == pytest.approx(value)
    lines = [
        json.loads(line)
        for path in tmp_path.glob('run/*/vis_data/scalars.json')
        for line in path.read_text().splitlines()
    ]
    (written,) = (line for line in lines if 'eval/R@1' in line)
    assert {name: written[name] for name in expected} == pytest.approx(expected) and written['epoch'] == 1


def test_it_runs_every_so_many_epochs(build_runner, build_vspp, videos, monkeypatch):
    epochs = []
    monkeypatch.setattr(FeatureEvaluationHook, '_evaluate', lambda self, runner, epoch: epochs.append(epoch))
    build_runner(build_vspp(), hooks=[hook(videos, every_n_epochs=2)], epochs=5).train()
    assert epochs == [2, 4]


def test_after_a_run_by_iterations_it_evaluates_once_and_says_after_how_many(
    build_runner, build_vspp, videos, monkeypatch
):
    runner = build_runner(
        build_vspp(),
        hooks=[hook(videos)],
        train_cfg=dict(type='ResumableIterBasedTrainLoop', max_iters=4),  # of 3 an epoch
    )
    lines, scalars = [], []
    monkeypatch.setattr(runner.logger, 'info', lines.append)
    monkeypatch.setattr(runner.visualizer, 'add_scalars', lambda values, step, **_: scalars.append((step, values)))
    runner.train()
    ((step, values),) = [entry for entry in scalars if 'eval/R@1' in entry[1]]
    assert step == values['iter'] == 4 and 'epoch' not in values
    (line,) = [line for line in lines if 'eval/R@1' in line]
    assert line.startswith('Iter [4]  ')


def test_generators_and_modes_are_put_back_also_after_an_error(build_runner, build_vspp, videos, monkeypatch):
    def fail(*args, **kwargs):
        torch.rand(3), np.random.rand(3), random.random()
        raise OSError('the disk is gone')

    monkeypatch.setattr('videossl.engine.hooks.feature_evaluation_hook.extract_features', fail)
    runner = build_runner(build_vspp(), hooks=[])
    evaluation = hook(videos)
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    with pytest.raises(OSError):
        evaluation.after_train_epoch(runner)
    assert torch.equal(states[0], torch.get_rng_state())
    assert (states[1], states[2]) == (np.random.get_state()[1].tolist(), random.getstate())


@pytest.mark.parametrize(
    'changes, words',
    [
        (dict(train_list='gone.txt'), ['gone.txt', 'does not exist']),
        (dict(test_list='unlabelled.txt'), ['unlabelled.txt', 'no labels']),
        (dict(views=dict(clip_length=3)), ['clip_length']),
    ],
)
def test_what_cannot_work_is_refused_before_the_first_iteration(
    build_runner, build_vspp, recorder, videos, changes, words
):
    with pytest.raises(ValueError) as error:
        build_runner(build_vspp(), hooks=[hook(videos, **changes), recorder]).train()
    assert all(word in str(error.value) for word in words), error.value
    assert recorder.logs == []


@pytest.mark.parametrize('name, value', [('every_n_epochs', 0), ('k', 1.5), ('num_clips', 0), ('ks', []), ('ks', [0])])
def test_unusable_arguments_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f'FeatureEvaluationHook: {name} must'):
        FeatureEvaluationHook('train.txt', 'test.txt', **{name: value})
