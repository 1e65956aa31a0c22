"""When the adversary begins, in real runs of a tiny model; and that a run resumed amid its stage goes on bit by bit."""

import os
from types import SimpleNamespace

import pytest
import torch
from identical import assert_identical
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from videossl.engine import AdversaryHook
from videossl.errors import ConfigError
from videossl.models import InfoNCEHead, MemoryBank, MomentumPretrainer, ProjectionNeck

GENERATOR = dict(type='FrameDropGenerator', frame_size=4, channels=2, hidden_channels=3)
LOOP = dict(type='ResumableEpochBasedTrainLoop', max_epochs=3)  # of three iterations each


class KillAt(Hook):
    """Ends the run as a signal would, just before an iteration."""

    priority = 'HIGHEST'

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.iteration:
            raise KeyboardInterrupt


@pytest.fixture
def run(small_backbone, build_runner, recorder, monkeypatch):
    """A function that trains for three epochs, the adversary in the last two; returns the states, the log and the runner."""
    monkeypatch.setattr(os, 'fsync', lambda descriptor: None)
    monkeypatch.setattr('mmengine.runner.runner.get_git_hash', lambda: '')

    def run(work_dir: str, kill_at: int | None = None, resume: bool = False, start: int = 1):
        torch.manual_seed(5 if resume else 0)
        model = MomentumPretrainer(
            backbone=small_backbone(),
            heads=dict(video=InfoNCEHead(embedding_name='projection', name='video')),
            necks=dict(projection=ProjectionNeck(4, 5)),
            memory_bank=MemoryBank(7, 5),
            adversary=dict(type='FrameDropAdversary', generator=GENERATOR),
        )
        record = type(recorder)()
        hooks = [dict(type='MomentumTeacherHook', momentum=0.7), dict(type='MemoryBankHook')]
        hooks += [dict(type='AdversaryHook', start_epoch=start), dict(type='ExactResumeHook'), record]
        runner = build_runner(
            model,
            hooks=hooks + ([] if kill_at is None else [KillAt(kill_at)]),
            train_cfg=LOOP,
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-2)),
            checkpoint=dict(type='PlainCheckpointHook', by_epoch=False, interval=1, max_keep_ckpts=2),
            work_dir=work_dir,
            resume=resume,
        )
        if kill_at is None:
            runner.train()
        else:
            with pytest.raises(KeyboardInterrupt):
                runner.train()
        return record, runner

    return run


def test_the_generator_stands_still_until_its_epoch_and_then_moves(run):
    record, runner = run('whole')
    names = [name for name in record.states[0] if name.startswith('adversary.')]
    assert names and len(record.states) == 10
    for step in range(9):
        moved = any(not torch.equal(record.states[step][name], record.states[step + 1][name]) for name in names)
        assert moved == (step >= 3), step
        assert ('loss_generator' in record.logs[step]) == (step >= 3)
        assert not torch.equal(
            record.states[step]['backbone.conv.weight'], record.states[step + 1]['backbone.conv.weight']
        )


def test_a_run_killed_amid_the_generators_stage_ends_bit_by_bit_as_one_without_a_break(run):
    whole, _ = run('whole')
    for kill_at in (2, 4):  # before the stage, and in the middle of its first epoch
        run(f'killed-{kill_at}', kill_at=kill_at)
        resumed, runner = run(f'killed-{kill_at}', resume=True)
        assert runner.iter == 9
        assert resumed.logs == whole.logs[kill_at:]
        assert_identical(resumed.states[-1], whole.states[-1])


@pytest.mark.parametrize(
    ('start', 'iteration', 'on'),
    [(2, 0, False), (2, 7, False), (2, 8, True), (2, 11, True), (None, 3, False), (None, 4, True), (0, 0, True)],
)
def test_in_a_loop_over_iterations_an_epoch_is_a_pass_over_the_data(start, iteration, on):
    loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    loop._iter, loop._epoch, loop._max_iters, loop.dataloader = iteration, 0, 12, range(4)
    adversary = SimpleNamespace(active=None)
    runner = SimpleNamespace(
        train_loop=loop, model=SimpleNamespace(adversary=adversary), logger=SimpleNamespace(info=lambda text: None)
    )
    hook = AdversaryHook(start)  # None: half of three epochs, rounded down
    hook.before_train(runner)
    assert adversary.active is False
    hook.before_train_iter(runner, 0)
    assert adversary.active is on


def test_settings_with_which_it_cannot_begin_are_named():
    warnings = []
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    loop._epoch, loop._max_iters, loop.dataloader = 0, 12, range(4)
    runner = SimpleNamespace(
        train_loop=loop,
        model=SimpleNamespace(adversary=SimpleNamespace(active=True)),
        logger=SimpleNamespace(warning=warnings.append),
    )
    AdversaryHook(start_epoch=2).before_train(runner)
    assert not warnings
    AdversaryHook(start_epoch=3).before_train(runner)
    assert 'start_epoch=3 is not before the end of the training' in warnings[0]
    runner.model.find_unused_parameters = False  # as a wrapper for several processes has it
    AdversaryHook(start_epoch=0).before_train(runner)
    with pytest.raises(ConfigError, match='set find_unused_parameters=True'):
        AdversaryHook(start_epoch=1).before_train(runner)
    runner.model.adversary = None
    with pytest.raises(ConfigError, match='AdversaryHook needs model.adversary'):
        AdversaryHook().before_train(runner)
    with pytest.raises(ConfigError, match='AdversaryHook: start_epoch must be an integer of at least 0'):
        AdversaryHook(start_epoch=-1)
