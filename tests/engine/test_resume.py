"""A run that is killed anywhere and resumed ends bit by bit as one without a break, and reads nothing again."""

import gc
import os
import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from identical import assert_identical
from mmaction.structures import ActionDataSample
from mmengine.config import ConfigDict
from mmengine.dataset import BaseDataset, RepeatDataset
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import BatchSampler, DataLoader

from videossl.apis.running.train import make_resumable
from videossl.engine import DrawSampler, SaveAndStopHook
from videossl.engine.resumable_loops import ResumableLoop
from videossl.errors import CheckpointError
from videossl.models import MemoryBank

SAMPLES, BATCH, EPOCHS = 8, 3, 3
EACH_EPOCH = 3  # batches, the last of 2 samples
ITERATIONS = EPOCHS * EACH_EPOCH
EVERY_ITERATION = dict(type='PlainCheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=2)
EVERY_EPOCH = dict(type='PlainCheckpointHook', interval=1, max_keep_ckpts=1)
BY_EPOCH = dict(type='ResumableEpochBasedTrainLoop', max_epochs=EPOCHS)
BY_ITERATION = dict(type='ResumableIterBasedTrainLoop', max_iters=ITERATIONS)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Hundreds of checkpoints are written here: none needs to outlast a power cut, or to know git's last commit."""
    monkeypatch.setattr(os, 'fsync', lambda descriptor: None)
    monkeypatch.setattr('mmengine.runner.runner.get_git_hash', lambda: '')


class CountedClips(torch.utils.data.Dataset):
    """Random clips, augmented by their draw's position, which writes down, from any process, each position it reads."""

    def __init__(self, notes: Path) -> None:
        generator = torch.Generator().manual_seed(1)
        self.clips = torch.randint(0, 256, (SAMPLES, 2, 3, 4, 8, 8), generator=generator).byte()
        self.notes = notes

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> dict:
        position = getattr(index, 'position', -1)
        file = os.open(self.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f'{position}\n'.encode())
        os.close(file)
        return dict(inputs=self.clips[index].roll(max(position, 0), dims=-1), data_samples=ActionDataSample())

    def positions(self) -> list[int]:
        return [int(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []


class KillAt(Hook):
    """Ends the run as a signal would, just before an iteration."""

    priority = 'HIGHEST'

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.iteration:
            raise KeyboardInterrupt


def content(path: Path) -> dict:
    """A checkpoint, without what tells the time or the folder."""
    checkpoint = torch.load(path, weights_only=True)
    hub = checkpoint['message_hub']
    for part in ('log_scalars', 'runtime_info', 'resumed_keys'):
        hub[part] = {
            key: value
            for key, value in hub[part].items()
            if key not in ('cfg', 'experiment_name', 'last_ckpt', 'eta', 'best_ckpt') and not key.endswith('time')
        }
    for key in ('time', 'cfg', 'experiment_name'):
        checkpoint['meta'].pop(key)
    checkpoint.pop('saved_by_signal', None)
    return checkpoint


@pytest.fixture
def build(build_aux_skd, build_runner, recorder, tmp_path):
    """A function that builds a runner of auxSKD with dropout, on clips that count how often they are read."""

    def build(
        work_dir: str,
        loop: dict = BY_EPOCH,
        kill_at: int | None = None,
        workers: int = 0,
        accumulate: int = 1,
        sampler: dict | None = None,
        resume: bool = False,
        seed: int = 0,
        hooks: tuple = (),
        checkpoint: dict = EVERY_ITERATION,
        **arguments,
    ) -> Runner:
        model = build_aux_skd(seed)
        model.backbone.add_module('dropout', nn.Dropout(0.5))
        notes = tmp_path / f'{work_dir}-{"resumed" if resume else "begun"}'
        loader = dict(
            batch_size=BATCH,
            num_workers=workers,
            persistent_workers=workers > 0,
            dataset=CountedClips(notes),
            sampler=sampler or dict(type='DrawSampler', seed=3),
        )
        standard = [
            dict(type='MomentumTeacherHook', momentum=0.7),
            dict(type='MemoryBankHook'),
            dict(type='ExactResumeHook'),
            type(recorder)(),
        ]
        arguments = dict(
            dict(
                train_dataloader=loader,
                train_cfg=loop,
                param_scheduler=[
                    dict(type='StepLR', step_size=1, gamma=0.5, by_epoch=True),
                    dict(type='LinearLR', start_factor=0.1, end=5, by_epoch=False),
                ],
            ),
            **arguments,
        )
        runner = build_runner(
            model,
            hooks=[*standard, *([KillAt(kill_at)] if kill_at is not None else []), *hooks],
            optim_wrapper=dict(accumulative_counts=accumulate, clip_grad=dict(max_norm=5.0)),
            checkpoint=dict(checkpoint),
            work_dir=work_dir,
            resume=resume,
            **arguments,
        )
        runner.notes = loader['dataset']
        return runner

    return build


def logs(runner: Runner) -> list[dict[str, float]]:
    return next(hook.logs for hook in runner.hooks if type(hook).__name__ == 'Recorder')


def train_in_two_parts(build, kill_at: int, work_dir: str = 'broken', between=None, **settings) -> Runner:
    """Train, be killed, and go on from another state of everything; the second runner."""
    with pytest.raises(KeyboardInterrupt):
        build(work_dir, kill_at=kill_at, **settings).train()
    if between is not None:
        between()
    torch.manual_seed(99)
    np.random.seed(99)
    runner = build(work_dir, resume=True, seed=8, **settings)
    runner.train()
    return runner


def assert_nothing_is_read_again(runner: Runner, kill_at: int, samples_seen: int, total: int) -> None:
    positions = runner.notes.positions()
    assert sorted(positions) == list(range(samples_seen, total)), f'killed at {kill_at}'


def samples_after(iterations: int) -> int:
    """Of passes of 3, 3 and 2 samples."""
    passes, batches = divmod(iterations, EACH_EPOCH)
    return passes * SAMPLES + batches * BATCH


# Four of the eight combinations have every pair of values; the others are slow.
@pytest.mark.parametrize(
    'loop, workers, accumulate',
    [
        pytest.param(BY_EPOCH, 0, 1, id='epochs-0-'),
        pytest.param(BY_EPOCH, 2, 2, id='epochs-2-accumulating'),
        pytest.param(BY_ITERATION, 0, 2, id='iterations-0-accumulating'),
        pytest.param(BY_ITERATION, 2, 1, id='iterations-2-'),
        pytest.param(BY_EPOCH, 0, 2, id='epochs-0-accumulating', marks=pytest.mark.slow),
        pytest.param(BY_EPOCH, 2, 1, id='epochs-2-', marks=pytest.mark.slow),
        pytest.param(BY_ITERATION, 0, 1, id='iterations-0-', marks=pytest.mark.slow),
        pytest.param(BY_ITERATION, 2, 2, id='iterations-2-accumulating', marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_anywhere_and_resumed_ends_bit_by_bit_as_one_without_a_break(
    build, tmp_path, loop, workers, accumulate
):
    settings = dict(loop=loop, workers=workers, accumulate=accumulate)
    straight = build('straight', **settings)
    straight.train()
    expected = content(tmp_path / 'straight' / f'iter_{ITERATIONS}.pth')
    # The first, amid an epoch, the last of an epoch, the first of the next, and the last but one.
    for kill_at in (1, 2, 3, 4, 8) if workers == 0 else (2, 3):
        resumed = train_in_two_parts(build, kill_at, work_dir=f'broken{kill_at}', **settings)
        assert logs(resumed) == logs(straight)[kill_at:], f'killed at {kill_at}'
        assert_identical(content(tmp_path / f'broken{kill_at}' / f'iter_{ITERATIONS}.pth'), expected)
        if workers == 0 or loop is BY_EPOCH:  # workers read ahead, over the end of the last iteration
            assert_nothing_is_read_again(resumed, kill_at, samples_after(kill_at), EPOCHS * SAMPLES)
        else:
            assert min(resumed.notes.positions()) == samples_after(kill_at)


@pytest.mark.parametrize('loop', [BY_EPOCH, BY_ITERATION], ids=['epochs', 'iterations'])
def test_the_number_of_workers_before_and_after_the_kill_changes_nothing(build, tmp_path, loop):
    build('straight', loop=loop).train()
    for workers in (1, 4):
        with pytest.raises(KeyboardInterrupt):
            build(f'broken{workers}', loop=loop, workers=workers, kill_at=5).train()
        build(f'broken{workers}', loop=loop, workers=4 // workers, resume=True, seed=8).train()
        assert_identical(
            content(tmp_path / f'broken{workers}' / f'iter_{ITERATIONS}.pth'),
            content(tmp_path / 'straight' / f'iter_{ITERATIONS}.pth'),
        )


@pytest.mark.parametrize('loop', [BY_EPOCH, BY_ITERATION], ids=['epochs', 'iterations'])
def test_dropout_and_so_the_losses_depend_on_the_random_states_that_are_restored(build, tmp_path, loop):
    straight = build('straight', loop=loop)
    straight.train()

    def forget() -> None:
        path = tmp_path / 'broken' / 'iter_4.pth'
        checkpoint = torch.load(path, weights_only=True)
        checkpoint['exact_resume']['processes'][0]['random_states']['torch'] = torch.Generator().get_state()
        torch.save(checkpoint, path)

    resumed = train_in_two_parts(build, 4, loop=loop, between=forget)
    assert logs(resumed) != logs(straight)[4:]


@pytest.mark.parametrize('kill_at', [3, 4, 7])
def test_checkpoints_by_epoch_go_on_at_the_beginning_of_the_next(build, tmp_path, kill_at):
    straight = build('straight', checkpoint=EVERY_EPOCH)
    straight.train()
    resumed = train_in_two_parts(build, kill_at, checkpoint=EVERY_EPOCH)
    begun = kill_at - kill_at % EACH_EPOCH
    assert logs(resumed) == logs(straight)[begun:]
    assert_identical(content(tmp_path / 'broken' / 'epoch_3.pth'), content(tmp_path / 'straight' / 'epoch_3.pth'))
    assert_nothing_is_read_again(resumed, kill_at, samples_after(begun), EPOCHS * SAMPLES)


@pytest.mark.parametrize(
    'endless',
    [
        dict(type='DrawSampler', seed=3, endless=True),
        dict(type='InfiniteSampler', seed=3),
        dict(type='DefaultSampler', seed=3),
    ],
    ids=['draws', 'infinite', 'default'],
)
@pytest.mark.parametrize('kill_at', [2, 5])
def test_endless_and_foreign_samplers_go_on_where_they_were(build, tmp_path, endless, kill_at):
    settings = dict(loop=BY_ITERATION, sampler=endless)
    straight = build('straight', **settings)
    straight.train()
    resumed = train_in_two_parts(build, kill_at, **settings)
    assert logs(resumed) == logs(straight)[kill_at:]
    seen = samples_after(kill_at) if endless['type'] == 'DefaultSampler' else kill_at * BATCH
    assert len(resumed.notes.positions()) == len(straight.notes.positions()) - seen
    assert_identical(content(tmp_path / 'broken' / 'iter_9.pth'), content(tmp_path / 'straight' / 'iter_9.pth'))


def test_a_foreign_sampler_goes_on_amid_an_epoch(build, tmp_path):
    settings = dict(sampler=dict(type='DefaultSampler', seed=3), workers=2)
    straight = build('straight', **settings)
    straight.train()
    resumed = train_in_two_parts(build, 4, **settings)
    assert logs(resumed) == logs(straight)[4:]
    assert len(resumed.notes.positions()) == EPOCHS * SAMPLES - samples_after(4)


def test_a_random_seed_of_the_sampler_is_kept(build, tmp_path, monkeypatch):
    # As with diff_rank_seed, where each start draws the sampler's seed anew.
    seeds = iter((11, 11, 12))
    monkeypatch.setattr('videossl.engine.samplers.sync_random_seed', lambda: next(seeds))
    settings = dict(sampler=dict(type='DrawSampler', seed=None))
    build('straight', **settings).train()
    resumed = train_in_two_parts(build, 4, **settings)
    assert next(seeds, None) is None and resumed.train_loop.dataloader.sampler.seed == 11
    assert_identical(content(tmp_path / 'broken' / 'iter_9.pth'), content(tmp_path / 'straight' / 'iter_9.pth'))


def test_the_averaged_weights_of_mmengines_ema_hook_go_on(build, tmp_path):
    settings = dict(hooks=(dict(type='EMAHook', momentum=0.3),))
    build('straight', **settings).train()
    train_in_two_parts(build, 5, **settings)
    assert_identical(content(tmp_path / 'broken' / 'iter_9.pth'), content(tmp_path / 'straight' / 'iter_9.pth'))


# -------------------------------------------------------------------------------------------------------- validation
class DrawnScore(BaseMetric):
    """A score that falls from call to call, and draws random numbers as an augmented validation would."""

    def process(self, data_batch, data_samples) -> None:
        self.results.append(float(np.random.rand() + torch.rand(1)))

    def compute_metrics(self, results: list) -> dict:
        return dict(score=results[0])


def with_validation(build, work_dir: str, **settings) -> Runner:
    runner = build(
        work_dir,
        val_dataloader=dict(batch_size=1, num_workers=0, dataset=[{}], sampler=dict(type='DefaultSampler')),
        val_cfg=dict(),
        val_evaluator=Evaluator(DrawnScore()),
        checkpoint=dict(EVERY_EPOCH, max_keep_ckpts=-1, save_best='score', rule='greater'),
        **settings,
    )
    runner.model.val_step = lambda data: [ActionDataSample()]
    return runner


class KillInValidation(Hook):
    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if runner.iter == 6:
            raise KeyboardInterrupt


def test_a_validation_that_was_cut_off_is_made_good_and_disturbs_no_random_state(build, tmp_path):
    without = build('without', checkpoint=EVERY_EPOCH)
    without.train()
    straight = with_validation(build, 'straight')
    straight.train()
    assert logs(straight) == logs(without), 'validation takes part in training'
    with pytest.raises(KeyboardInterrupt):
        with_validation(build, 'broken', hooks=(KillInValidation(),)).train()
    resumed = with_validation(build, 'broken', resume=True, seed=8)
    resumed.train()
    assert logs(resumed) == logs(straight)[6:]
    names = sorted(path.name for path in (tmp_path / 'straight').glob('best*'))
    assert names == sorted(path.name for path in (tmp_path / 'broken').glob('best*')) and len(names) == 1
    assert_identical(content(tmp_path / 'broken' / 'epoch_3.pth'), content(tmp_path / 'straight' / 'epoch_3.pth'))
    scores = content(tmp_path / 'broken' / 'epoch_3.pth')['message_hub']['log_scalars']['val/score']['log']
    assert len(scores) in (2, 3), 'once an epoch'


def test_a_validation_that_was_done_is_not_done_again(build, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with_validation(build, 'broken', kill_at=4).train()
    checkpoint = torch.load(tmp_path / 'broken' / 'epoch_1.pth', weights_only=True)
    assert checkpoint['exact_resume']['validated_iter'] == 3, 'it was saved once more, with the best score'
    resumed = with_validation(build, 'broken', resume=True)
    resumed.train()
    assert len(resumed.message_hub.get_scalar('val/score').data[0]) == 3


# ------------------------------------------------------------------------------------------------------------- signals
class SignalAt(Hook):
    """Sends this process a signal just before an iteration."""

    def __init__(self, iteration: int, number: signal.Signals) -> None:
        self.iteration, self.number = iteration, number

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.iteration:
            os.kill(os.getpid(), self.number)


def test_signals_amid_an_epoch_save_and_end_the_run_and_resumed_it_ends_bit_by_bit_as_one_without(
    build, tmp_path, handlers_as_before
):
    straight = build('straight', checkpoint=EVERY_EPOCH)
    straight.train()
    losses: list[dict] = []
    # In the first and in the second iteration of the second epoch.
    for at, number, status in ((3, signal.SIGTERM, 143), (4, signal.SIGINT, 130)):
        hooks, handler = (SaveAndStopHook(), SignalAt(at, number)), signal.getsignal(number)
        run = build('run', hooks=hooks, resume=at > 3, checkpoint=EVERY_EPOCH)
        with pytest.raises(SystemExit) as stop:
            run.train()
        assert stop.value.code == status and signal.getsignal(number) == handler
        losses += logs(run)
        assert files_of(tmp_path / 'run') == ['epoch_1.pth', f'iter_{at + 1}.pth'], (
            'one of an earlier signal is removed'
        )
    resumed = build('run', hooks=(SaveAndStopHook(),), resume=True, checkpoint=EVERY_EPOCH)
    resumed.train()
    assert losses + logs(resumed) == logs(straight)
    assert files_of(tmp_path / 'run') == files_of(tmp_path / 'straight') == ['epoch_3.pth']
    assert_identical(*(content(tmp_path / folder / 'epoch_3.pth') for folder in ('run', 'straight')))


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob('*.pth'))


# ---------------------------------------------------------------------------------------- the schedule, another run
@pytest.mark.parametrize(
    'schedule',
    [
        dict(type='StepLR', step_size=1, gamma=0.5, by_epoch=True),
        dict(type='ExponentialLR', gamma=0.7, by_epoch=True),
        dict(type='MultiStepLR', milestones=[2, 3, 4], gamma=0.1, by_epoch=True),
        dict(type='CosineAnnealingLR', T_max=7, by_epoch=True),
    ],
    ids=lambda schedule: schedule['type'],
)
@pytest.mark.parametrize('kill_at', [None, 4])
def test_a_run_resumed_for_more_epochs_has_the_learning_rates_of_one_begun_for_them(build, schedule, kill_at):
    settings = dict(param_scheduler=[schedule], checkpoint=EVERY_EPOCH)
    straight = build('straight', loop=dict(BY_EPOCH, max_epochs=5), **settings)
    straight.train()
    first = build('broken', kill_at=kill_at, **settings)
    if kill_at is None:
        first.train()
    else:
        with pytest.raises(KeyboardInterrupt):
            first.train()
    resumed = build('broken', loop=dict(BY_EPOCH, max_epochs=5), resume=True, seed=8, **settings)
    resumed.train()
    assert logs(resumed) == logs(straight)[9 if kill_at is None else 3 :]
    rates = [runner.message_hub.get_scalar('train/lr').data[0].tolist() for runner in (resumed, straight)]
    assert rates[0] == rates[1] and len(set(rates[0])) >= 4


def test_other_settings_of_the_schedule_than_the_checkpoints_are_named(build):
    settings = dict(checkpoint=EVERY_EPOCH)
    build('run', param_scheduler=[dict(type='MultiStepLR', milestones=[1, 2], by_epoch=True)], **settings).train()
    resumed = build(
        'run',
        param_scheduler=[dict(type='MultiStepLR', milestones=[1, 4], gamma=0.5, by_epoch=True)],
        loop=dict(BY_EPOCH, max_epochs=4),
        resume=True,
        **settings,
    )
    warnings = warnings_of(resumed)
    resumed.train()
    text = next(warning for warning in warnings if 'MultiStepLR' in warning)
    assert 'milestones={1: 1, 2: 1} instead of {1: 1, 4: 1}' in text and 'gamma=0.1 instead of 0.5' in text
    assert '--init-from' in text


def warnings_of(runner: Runner) -> list[str]:
    warnings: list[str] = []
    runner.logger.warning = warnings.append
    return warnings


@pytest.mark.parametrize(('saved_at', 'iterations'), [(4, [4, 5, 6, 7, 8, 9, 10, 11]), (3, [4, 5, 6, 7, 8, 9, 10, 11])])
def test_with_another_batch_size_the_epoch_begins_anew_and_the_log_says_so(build, saved_at, iterations):
    with pytest.raises(KeyboardInterrupt):
        build('run', kill_at=saved_at).train()
    resumed = build(
        'run',
        resume=True,
        train_dataloader=dict(
            batch_size=2, num_workers=0, dataset=build('other').notes, sampler=dict(type='DrawSampler', seed=3)
        ),
    )
    warnings = warnings_of(resumed)
    resumed.train()
    text = next(warning for warning in warnings if 'not the run that was stopped' in warning)
    assert 'batches an epoch 3 -> 4' in text and 'batch size 3 -> 2' in text and 'samples' not in text
    assert ('begins this epoch anew' if saved_at == 4 else 'goes on with the next epoch') in text
    assert resumed.iter == 12 and len(logs(resumed)) == len(iterations)
    assert sorted(resumed.train_loop.dataloader.dataset.positions()) == list(range(8, 24))


@pytest.mark.parametrize('loop', [BY_EPOCH, BY_ITERATION], ids=['epochs', 'iterations'])
def test_with_another_list_of_the_same_length_the_epoch_begins_anew_and_the_log_says_so(build, monkeypatch, loop):
    monkeypatch.setattr(CountedClips, 'list_digest', 'a', raising=False)
    with pytest.raises(KeyboardInterrupt):
        build('run', kill_at=4, loop=loop).train()
    same = build('run', resume=True, loop=loop)
    assert not [text for text in warnings_of(same) if 'not the run that was stopped' in text]
    monkeypatch.setattr(CountedClips, 'list_digest', 'b')
    resumed = build('run', resume=True, loop=loop)
    warnings = warnings_of(resumed)
    resumed.train()
    text = next(warning for warning in warnings if 'not the run that was stopped' in warning)
    assert 'the list names other videos' in text
    if loop is BY_EPOCH:
        assert 'begins this epoch anew' in text
        assert sorted(resumed.notes.positions()) == list(range(SAMPLES, EPOCHS * SAMPLES))


def test_a_checkpoint_without_random_states_is_gone_on_from_with_a_warning(build, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build('run', kill_at=4).train()
    checkpoint = torch.load(tmp_path / 'run' / 'iter_4.pth', weights_only=True)
    del checkpoint['exact_resume']
    torch.save(checkpoint, tmp_path / 'run' / 'iter_4.pth')
    resumed = build('run', resume=True)
    warnings = warnings_of(resumed)
    resumed.train()
    assert any('no random states' in warning for warning in warnings)
    assert_nothing_is_read_again(resumed, 4, samples_after(4), EPOCHS * SAMPLES)


@pytest.mark.parametrize('size', [6, 8])
def test_a_checkpoint_of_another_model_is_refused_before_anything_of_it_is_taken(build, size):
    with pytest.raises(KeyboardInterrupt):
        build('run', kill_at=4).train()
    resumed = build('run', resume=True, seed=8)
    resumed.model.memory_bank = MemoryBank(size, 5)
    before = {name: value.clone() for name, value in resumed.model.state_dict().items()}
    with pytest.raises(
        CheckpointError, match=rf'1 of its tensors are missing .* e\.g\. memory_bank\.rows \(7, 5\) for \({size}, 5\)\.'
    ):
        resumed.train()
    assert all(torch.equal(value, before[name]) for name, value in resumed.model.state_dict().items())


@pytest.mark.parametrize('world_size', [1, 2])
@pytest.mark.parametrize('endless', [False, True])
@pytest.mark.parametrize('start', [0, 1, 3, 4, 9])
def test_a_sampler_that_starts_later_draws_the_rest_once(monkeypatch, world_size, endless, start):
    monkeypatch.setattr('videossl.engine.samplers.get_dist_info', lambda: (world_size - 1, world_size))
    sampler = DrawSampler(range(7), seed=3, endless=endless)
    sampler.set_epoch(2)

    def draws(count: int) -> list[tuple]:
        return [(int(draw), draw.position, draw.rank_position) for draw, _ in zip(sampler, range(count))]

    whole = draws(40 if endless else 7)
    sampler.start = start
    assert draws(20) == whole[start : start + 20]
    assert draws(len(whole)) == whole, 'the next pass is whole again'


def test_repeats_of_the_sampler_are_the_same_position_as_those_of_a_data_set():
    """A run that was begun with a ``RepeatDataset`` goes on with ``DrawSampler(repeats)``, and the other way round."""

    class Seven(BaseDataset):
        def load_data_list(self) -> list[dict]:
            return [{}] * 7

    samples = Seven()
    positions = []
    for dataset, repeats in ((RepeatDataset(samples, times=3), 1), (samples, 3)):
        loader = DataLoader(dataset, batch_size=4, sampler=DrawSampler(dataset, seed=1, repeats=repeats))
        positions.append(ResumableLoop.position(SimpleNamespace(dataloader=loader)))
    assert positions == [dict(batches=6, batch_size=4, samples=21, processes=1, videos='')] * 2


def test_an_endless_sampler_draws_every_sample_once_an_epoch():
    sampler = DrawSampler(range(5), seed=3, endless=True)
    draws = [draw for draw, _ in zip(sampler, range(15))]
    assert [draw.position for draw in draws] == list(range(15))
    for epoch in range(3):
        assert sorted(draws[5 * epoch : 5 * epoch + 5]) == list(range(5))
    batches = [batch for batch, _ in zip(BatchSampler(sampler, 4, drop_last=True), range(6))]
    assert all(len(batch) == 4 for batch in batches)


def test_mmengines_loops_become_ours_in_training_and_others_stay():
    for given, expected in (
        (dict(type='EpochBasedTrainLoop', max_epochs=2), 'videossl.ResumableEpochBasedTrainLoop'),
        (dict(by_epoch=True, max_epochs=2), 'videossl.ResumableEpochBasedTrainLoop'),
        (dict(by_epoch=False, max_iters=2), 'videossl.ResumableIterBasedTrainLoop'),
        (dict(type='mmengine.IterBasedTrainLoop', max_iters=2), 'videossl.ResumableIterBasedTrainLoop'),
        (dict(type='MyLoop'), 'MyLoop'),
    ):
        config = ConfigDict(train_cfg=given, default_hooks=dict(save_and_stop=dict(type='Mine')))
        make_resumable(config)
        assert config.train_cfg.type == expected and 'by_epoch' not in config.train_cfg
        assert config.default_hooks.save_and_stop.type == 'Mine'
        assert ('exact_resume' in config.default_hooks) == (expected != 'MyLoop')


@pytest.mark.parametrize(('workers', 'fails'), [(1, False), (1, True), (0, False)])
def test_while_training_the_collector_leaves_alone_what_workers_share(build, workers, fails):
    counts = []

    class Count(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            counts.append(gc.get_freeze_count())
            if fails:
                raise KeyError('stop')

    runner = build('frozen', workers=workers, hooks=[Count()])
    gc.unfreeze()
    with pytest.raises(KeyError) if fails else nullcontext():
        runner.train()
    assert (min(counts) > 10_000) == (max(counts) > 0) == (workers > 0) and gc.get_freeze_count() == 0


def test_a_fraction_of_an_iteration_is_refused(build):
    with pytest.raises(ValueError, match='max_iters must be a whole number, got 2.5'):
        build('run', loop=dict(BY_ITERATION, max_iters=2.5)).train()
