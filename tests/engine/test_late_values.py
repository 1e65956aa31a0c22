"""Values that are read late: the restoring on the device, the log, the figure of a collapse."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook, LoggerHook, RuntimeInfoHook
from torch import nn

from videossl.engine import CollapseHook, LateRuntimeInfoHook, LossGuardHook
from videossl.engine.hooks import collapse_hook, late_runtime_info_hook, loss_guard_hook
from videossl.engine.late_values import LateValue, reading_waits, restore_where

NAN = float('nan')


def test_reading_waits_for_what_is_not_on_the_cpu():
    assert reading_waits(torch.ones(1, device='meta'))
    assert not any(map(reading_waits, (torch.ones(1), 1.0, None)))
    assert LateValue(torch.tensor(3)).read() == 3


@pytest.mark.parametrize('flag', [True, False])
def test_tensors_are_restored_in_place_where_the_flag_says_so_whatever_is_in_them(flag):
    kept = [torch.tensor([1.0, -0.0]), torch.tensor(4), torch.ones(1, 2, 2, 2, 3)]
    tensors = [torch.tensor([NAN, 2.0]), torch.tensor(5), torch.full((1, 2, 2, 2, 3), NAN)]
    tensors[2] = tensors[2].contiguous(memory_format=torch.channels_last_3d)
    places, strides = [tensor.data_ptr() for tensor in tensors], tensors[2].stride()
    expected = [tensor.clone() for tensor in (kept if flag else tensors)]
    restore_where(torch.tensor(flag), tensors, kept)
    for tensor, right in zip(tensors, expected):
        assert torch.equal(tensor.nan_to_num(7), right.nan_to_num(7))
    assert [tensor.data_ptr() for tensor in tensors] == places and tensors[2].stride() == strides


def test_the_guard_decides_on_the_device_only_where_all_that_a_step_changes_is_there(monkeypatch):
    on_host = torch.zeros(())
    monkeypatch.setattr(loss_guard_hook, 'reading_waits', lambda value: value is not on_host)
    weight, idle = (nn.Parameter(torch.ones(2)) for _ in range(2))
    weight.grad = torch.ones(2)
    for momentum, state, decides in (
        (0.9, {}, False),  # the first step: there is nothing to go back to
        (0.9, dict(momentum_buffer=torch.ones(2)), True),
        (0.0, {}, True),
        (0.9, dict(step=on_host, exp_avg=torch.ones(2)), False),
        (0.9, dict(step=torch.ones(()), exp_avg=torch.ones(2)), True),
    ):
        guard = LossGuardHook()
        optimizer = torch.optim.SGD([weight, idle], lr=1, momentum=momentum)
        optimizer.state[weight] = state
        guard.wrapper = SimpleNamespace(optimizer=optimizer)
        found = guard._state_of_step()
        assert (found is not None) == decides
        if decides:
            assert [id(tensor) for tensor in found] == [id(tensor) for tensor in (weight, *state.values())]
        guard.wrapper.optimizer = type('Other', (torch.optim.SGD,), dict(__module__='lab'))([weight], lr=1)
        assert guard._state_of_step() is None, 'it may not write in place'
        guard.wrapper.optimizer = optimizer
        guard.wrapper.loss_scaler = None
        assert guard._state_of_step() is None, 'the scaler reads back itself'


# ------------------------------------------------------------------------------------------------------------------- log
class SaveAmid(Hook):
    """Saves a checkpoint after the fourth iteration and notes the losses in it, and those of each line of the log."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.lines: list[dict] = []
        self.saved: list[dict] = []

    def before_train(self, runner) -> None:
        write = runner.log_processor.get_log_after_iter

        def note(*arguments):
            tags, text = write(*arguments)
            self.lines.append({name: value for name, value in tags.items() if 'loss' in name or 'std' in name})
            return tags, text

        runner.log_processor.get_log_after_iter = note

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if runner.iter == 3:
            runner.save_checkpoint(runner.work_dir, 'amid.pth', by_epoch=False)

    def before_save_checkpoint(self, runner, checkpoint) -> None:
        scalars = checkpoint['message_hub']['log_scalars']
        self.saved.append({name: list(history['log']) for name, history in scalars.items() if 'loss' in name})


@pytest.mark.parametrize('interval', [1, 3])
def test_the_log_and_a_checkpoint_are_those_of_mmengines_hook(build_aux_skd, build_runner, monkeypatch, interval):
    monkeypatch.setattr(late_runtime_info_hook, 'reading_waits', torch.is_tensor)
    found = []
    for kind in (RuntimeInfoHook, LateRuntimeInfoHook):
        noting = SaveAmid()
        hooks = [dict(type='MomentumTeacherHook', momentum=0.7), dict(type='MemoryBankHook'), noting]
        runner = build_runner(build_aux_skd(), hooks, 2, samples=10, batch_size=2, work_dir=kind.__name__)
        runner._hooks = [kind() if type(hook) is RuntimeInfoHook else hook for hook in runner.hooks]
        next(hook for hook in runner.hooks if isinstance(hook, LoggerHook)).interval = interval
        runner.train()
        found.append((noting.lines, noting.saved))
    (lines, saved), (late_lines, late_saved) = found
    assert late_lines == lines and len(lines) == (10 if interval == 1 else 2)
    assert late_saved == saved and [len(values) for values in saved[0].values()] == [4, 4]


# -------------------------------------------------------------------------------------------------------------- collapse
def test_a_collapse_is_counted_in_every_iteration_though_it_is_read_at_intervals(monkeypatch):
    monkeypatch.setattr(collapse_hook, 'reading_waits', torch.is_tensor)
    warnings: list[str] = []
    runner = SimpleNamespace(logger=SimpleNamespace(warning=warnings.append), model=nn.Module(), iter=0)
    hook = CollapseHook(threshold=0.1, patience=3, rank_interval=5)
    told = []
    for runner.iter, spread in enumerate([0.05, 0.05, 0.2, 0.01, 0.02, 0.03, 0.05, 0.05]):
        hook.after_train_iter(runner, runner.iter, outputs=dict(std_student=torch.tensor(spread)))
        told.append(len(warnings))
    assert told == [0] * 8 and hook.iterations == 2, 'of the first five'
    checkpoint: dict = {}
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint['collapse'] == dict(iterations=5) and len(warnings) == 1 and 'now 0.0300' in warnings[0]
