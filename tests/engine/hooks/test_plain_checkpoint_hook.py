"""Checkpoints that can be read as plain tensors, that survive a kill, and from which a run goes on bit by bit."""

import os
from collections.abc import Callable

import numpy as np
import pytest
import torch
from identical import assert_identical
from mmaction.structures import ActionDataSample
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import Hook
from mmengine.runner import Runner

import videossl.engine.hooks.plain_checkpoint_hook as plain_checkpoint_hook
from videossl.checkpoints.checkpoint_files import best_recorded
from videossl.engine.hooks.plain_checkpoint_hook import is_plain

AUX_SKD_HOOKS = [dict(type='MomentumTeacherHook', momentum=0.7), dict(type='MemoryBankHook')]
EVERY_EPOCH = dict(type='PlainCheckpointHook', interval=1, max_keep_ckpts=2)


def files_in(work_dir) -> list[str]:
    return sorted(name for name in os.listdir(work_dir) if name.endswith(('.pth', '.tmp')))


@pytest.fixture
def straight(build_aux_skd, build_runner):
    """The runner of an auxSKD training of 4 epochs without a break."""
    runner = build_runner(build_aux_skd(), epochs=4, checkpoint=EVERY_EPOCH, work_dir='straight')
    runner.train()
    return runner


class KillAt(Hook):
    """Ends the run as a signal would, in the middle of an epoch."""

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == self.iteration:
            raise KeyboardInterrupt


@pytest.fixture
def interrupted(build_aux_skd, build_runner):
    """A function that trains the same 4 epochs but is killed in the third, and goes on with a fresh runner."""

    def run(between: Callable[[], None] | None = None) -> Runner:
        arguments = dict(epochs=4, checkpoint=EVERY_EPOCH, work_dir='broken')
        with pytest.raises(KeyboardInterrupt):
            build_runner(build_aux_skd(), hooks=[*AUX_SKD_HOOKS, KillAt(7)], **arguments).train()
        if between is not None:
            between()
        torch.manual_seed(99)
        runner = build_runner(build_aux_skd(seed=8), resume=True, **arguments)
        runner.train()
        return runner

    return run


def test_a_resumed_run_ends_bit_by_bit_as_one_without_a_break(straight, interrupted):
    resumed = interrupted()
    assert resumed.epoch == straight.epoch == 4 and resumed.iter == straight.iter == 12
    states = straight.model.state_dict(), resumed.model.state_dict()
    for part in (
        'backbone.conv.weight',
        'teacher.backbone.conv.weight',
        'teacher.backbone.bn.running_var',
        'memory_bank.rows',
        'memory_bank.pointer',
        'predictors.projection.layers.0.weight',
    ):
        assert part in states[0]
    assert_identical(dict(states[0]), dict(states[1]))
    assert_identical(straight.optim_wrapper.state_dict(), resumed.optim_wrapper.state_dict())
    assert straight.optim_wrapper.get_lr() == resumed.optim_wrapper.get_lr()
    assert resumed.optim_wrapper.get_lr()['lr'] == [pytest.approx(0.05)]  # one step of the schedule


def test_the_teacher_of_a_resumed_run_is_its_own_and_not_the_students_copy(build_aux_skd, build_runner, recorder):
    build_runner(build_aux_skd(), epochs=2, checkpoint=EVERY_EPOCH).train()
    runner = build_runner(
        build_aux_skd(seed=8), hooks=[*AUX_SKD_HOOKS, recorder], epochs=3, checkpoint=EVERY_EPOCH, resume=True
    )
    runner.train()
    first = recorder.states[0]
    assert not torch.equal(first['teacher.backbone.conv.weight'], first['backbone.conv.weight'])
    saved = torch.load(os.path.join(runner.work_dir, 'epoch_2.pth'), weights_only=True)['state_dict']
    for name, value in saved.items():
        assert torch.equal(first[name], value), name


def test_a_checkpoint_can_be_read_as_plain_tensors(straight):
    checkpoint = torch.load(os.path.join(straight.work_dir, 'epoch_4.pth'), weights_only=True)
    assert set(checkpoint) >= {'state_dict', 'optimizer', 'param_schedulers', 'message_hub', 'meta'}
    assert_identical(dict(checkpoint['state_dict']), dict(straight.model.state_dict()))
    assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (4, 12)
    assert checkpoint['meta']['seed'] == 0
    trained = sum(parameter.requires_grad for parameter in straight.model.parameters())
    assert len(checkpoint['optimizer']['state']) == trained


def test_the_log_goes_on_where_it_was(straight, interrupted):
    histories = []
    for runner in (straight, interrupted()):
        histories.append(runner.message_hub.get_scalar('train/loss').data)
        assert len(histories[-1][0]) == 12
    for own, other in zip(*histories):
        assert own.tolist() == other.tolist()


def test_what_a_killed_write_leaves_behind_does_not_matter(straight, interrupted, tmp_path):
    broken = tmp_path / 'broken'

    def kill_while_writing_the_third() -> None:
        (broken / '.epoch_3.pth.0123abcd.tmp').write_bytes(b'half a checkpoint')
        (broken / '.last_checkpoint.0123abcd.tmp').write_text('epoch_')

    resumed = interrupted(between=kill_while_writing_the_third)
    assert_identical(dict(straight.model.state_dict()), dict(resumed.model.state_dict()))
    assert files_in(broken) == ['epoch_3.pth', 'epoch_4.pth']


def test_a_kill_before_the_pointer_was_moved_goes_on_from_the_checkpoint_before(straight, interrupted, tmp_path):
    broken = tmp_path / 'broken'

    def forget_the_second() -> None:
        (broken / 'last_checkpoint').write_text(str(broken / 'epoch_1.pth'))

    resumed = interrupted(between=forget_the_second)
    assert_identical(dict(straight.model.state_dict()), dict(resumed.model.state_dict()))


def test_only_the_newest_checkpoints_stay(straight):
    assert files_in(straight.work_dir) == ['epoch_3.pth', 'epoch_4.pth']
    with open(os.path.join(straight.work_dir, 'last_checkpoint')) as file:
        assert file.read() == os.path.join(straight.work_dir, 'epoch_4.pth')


def test_a_resumed_run_removes_what_the_first_one_kept(interrupted):
    assert files_in(interrupted().work_dir) == ['epoch_3.pth', 'epoch_4.pth']


def test_an_older_checkpoint_is_removed_only_after_the_new_one_and_its_pointer_are_in_place(
    build_vspp, build_runner, monkeypatch
):
    seen = []
    remove = os.remove

    def watched_remove(path: str) -> None:
        folder = os.path.dirname(path)
        with open(os.path.join(folder, 'last_checkpoint')) as file:
            pointer = os.path.basename(file.read())
        seen.append((os.path.basename(path), pointer, files_in(folder)))
        remove(path)

    monkeypatch.setattr(plain_checkpoint_hook.os, 'remove', watched_remove)
    build_runner(build_vspp(), hooks=[], epochs=4, checkpoint=EVERY_EPOCH).train()
    assert seen == [
        ('epoch_1.pth', 'epoch_3.pth', ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth']),
        ('epoch_2.pth', 'epoch_4.pth', ['epoch_2.pth', 'epoch_3.pth', 'epoch_4.pth']),
    ]


def test_a_run_killed_while_writing_keeps_the_last_whole_checkpoint(build_vspp, build_runner, monkeypatch, tmp_path):
    def killed(temporary: os.PathLike, final: os.PathLike) -> None:
        if 'epoch_3' in str(final):
            raise KeyboardInterrupt
        replace(temporary, final)

    replace = os.replace
    monkeypatch.setattr(os, 'replace', killed)
    with pytest.raises(KeyboardInterrupt):
        build_runner(build_vspp(), hooks=[], epochs=4, checkpoint=dict(EVERY_EPOCH, max_keep_ckpts=1)).train()
    assert files_in(tmp_path / 'run') == ['epoch_2.pth']
    assert torch.load(tmp_path / 'run' / 'epoch_2.pth', weights_only=True)['meta']['epoch'] == 2
    assert (tmp_path / 'run' / 'last_checkpoint').read_text().endswith('epoch_2.pth')


def test_all_checkpoints_stay_where_none_are_to_be_removed(build_vspp, build_runner, tmp_path):
    build_runner(build_vspp(), hooks=[], epochs=3, checkpoint=dict(type='PlainCheckpointHook', interval=1)).train()
    assert files_in(tmp_path / 'run') == ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth']


def test_nothing_is_removed_before_there_are_as_many_as_are_to_be_kept(build_vspp, build_runner, tmp_path):
    build_runner(build_vspp(), hooks=[], epochs=6, checkpoint=dict(EVERY_EPOCH, max_keep_ckpts=5)).train()
    assert files_in(tmp_path / 'run') == [f'epoch_{epoch}.pth' for epoch in range(2, 7)]


def test_checkpoints_by_iteration_are_named_by_iteration(build_vspp, build_runner, tmp_path):
    checkpoint = dict(type='PlainCheckpointHook', interval=2, by_epoch=False, max_keep_ckpts=1)
    build_runner(build_vspp(), hooks=[], epochs=2, checkpoint=checkpoint).train()
    assert files_in(tmp_path / 'run') == ['iter_6.pth']
    assert torch.load(tmp_path / 'run' / 'iter_6.pth', weights_only=True)['meta']['iter'] == 6


@pytest.mark.parametrize('value', [None, 1, 1.5, True, 'x', b'x', torch.zeros(2), [1, ('a', None)], {'a': {1: [2.0]}}])
def test_what_torch_reads_back_counts_as_plain(value, tmp_path):
    assert is_plain(value)
    torch.save(value, tmp_path / 'value.pth')
    torch.load(tmp_path / 'value.pth', weights_only=True)


@pytest.mark.parametrize(
    'value',
    [object(), [object()], {'a': object()}, {object(): 1}, lambda: None],
    ids=['object', 'in a list', 'as a value', 'as a key', 'function'],
)
def test_anything_else_is_not_plain(value):
    assert not is_plain(value)


class FallingAccuracy(BaseMetric):
    """An accuracy that is best in the first epoch, as the NumPy number that metrics return."""

    accuracies = {'first': 0.9, 'resumed': 0.4}

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def process(self, data_batch, data_samples) -> None:
        self.results.append(1)

    def compute_metrics(self, results: list) -> dict:
        return dict(accuracy=np.float64(self.accuracies[self.stage]))


def test_the_best_score_is_remembered_after_a_resume(build_vspp, build_runner, tmp_path):
    checkpoint = dict(type='PlainCheckpointHook', interval=1, save_best='accuracy', rule='greater')
    for epochs, stage in ((1, 'first'), (2, 'resumed')):
        model = build_vspp()
        model.val_step = lambda data: [ActionDataSample()]
        build_runner(
            model,
            hooks=[],
            epochs=epochs,
            checkpoint=checkpoint,
            resume=stage == 'resumed',
            val_dataloader=dict(batch_size=3, num_workers=0, dataset=[{}], sampler=dict(type='DefaultSampler')),
            val_cfg=dict(),
            val_evaluator=Evaluator(FallingAccuracy(stage)),
        ).train()
    assert 'best_accuracy_epoch_1.pth' in files_in(tmp_path / 'run')
    assert 'best_accuracy_epoch_2.pth' not in files_in(tmp_path / 'run')
    torch.load(tmp_path / 'run' / 'best_accuracy_epoch_1.pth', weights_only=True)
    assert best_recorded(str(tmp_path / 'run' / 'epoch_2.pth'), 'accuracy') == str(
        tmp_path / 'run' / 'best_accuracy_epoch_1.pth'
    )


class Spoil(Hook):
    """Makes a batch norm's statistics infinite in the third iteration."""

    priority = 'HIGHEST'

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if runner.iter == 2:
            runner.model.backbone.bn.running_var[0] = float('inf')


def test_a_model_that_is_not_finite_is_not_saved_and_the_last_good_one_stays(build_vspp, build_runner, tmp_path):
    each = dict(type='PlainCheckpointHook', interval=1, by_epoch=False, max_keep_ckpts=1)
    build_runner(build_vspp(), hooks=[Spoil()], samples=12, checkpoint=each).train()
    assert files_in(tmp_path / 'run') == ['iter_2.pth']
