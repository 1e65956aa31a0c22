"""Skip optimiser steps whose loss or gradient is not finite."""

from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from videossl.checks import check_integer
from videossl.engine.late_values import LateValue, reading_waits, restore_where
from videossl.errors import UserError
from videossl.registry import HOOKS
from videossl.wrappers import unwrap

from .momentum_hooks import check_hooks, moving_statistics


class TrainingStopped(UserError, RuntimeError):
    """Training cannot go on; the message says why and what to do."""


@HOOKS.register_module()
class LossGuardHook(Hook):
    """Skips the optimiser's step where a loss or a gradient is NaN or infinite, and stops training where that goes on.

    A skipped step has no effect: weights and the optimiser's state stay as they are, batch-norm statistics (also of the
    teacher) are restored, the memory bank gets no key and the averaged teacher does not move. With accumulated gradients the
    whole step is skipped, with all of its batches. All processes skip it together. The log names the videos. Learning rates
    follow the iterations, skipped or not.

    An optimiser of torch leaves a weight without a gradient and its state alone. The guard therefore removes all gradients
    right before a step that is to be skipped (``register_step_pre_hook``). A hook on the model's forward pass gives it the
    losses.

    On a CPU the decision is read before the step. On an accelerator it stays there, so that the host does not wait: the step
    is taken, and where the flag is set, weights, the optimiser's state and statistics get their values of before, of which
    the guard has kept copies. The hooks of teacher and bank do the same. The result is the same to the bit. The host reads
    the flag one step later, when it has arrived; warnings, and the end of a training, come one step later, too. No step in
    between is spoiled.

    The decision is read before the step, and waited for, in three cases: in the first step, and where a parameter gets its
    first gradient, since the optimiser has no state to go back to; with an optimiser that counts its steps on the host, as
    torch's Adam and AdamW do without ``fused=True``, or one that is not torch's; and with fp16's loss scaling, which itself
    reads back.

    A gradient that fp16's loss scaling finds too large is not a fault: the scaler skips such steps to lower its scale. With
    a scaler the guard checks the loss alone; a loss that is not finite also lowers the scale.

    Attributes:
        step_skipped: whether the guard has left out the last step; a bool tensor where that is decided on the device.

    Args:
        max_in_a_row: number of consecutive skipped steps at which training stops. Weights or learning rate are then bad, and
            no further step changes them.
        max_total: number of all skipped steps, counted over resumed runs, at which training stops. None: no limit.
    """

    # Before the hooks that ask for step_skipped after the iteration.
    priority = 'ABOVE_NORMAL'

    def __init__(self, max_in_a_row: int = 10, max_total: int | None = 100) -> None:
        check_integer('LossGuardHook: max_in_a_row', max_in_a_row)
        if max_total is not None:
            check_integer('LossGuardHook: max_total', max_total)
        self.max_in_a_row = max_in_a_row
        self.max_total = max_total
        self.in_a_row = self.total = 0
        self.step_skipped: bool | Tensor = False
        self.batches: list[tuple] = []  # of the unfinished step
        self.losses: list[Tensor] = []
        self.changed: list[Tensor] = []  # what the step changes if it is decided on the device
        self.before_step: list[Tensor] = []
        self.unread: tuple[int, list[tuple], LateValue] | None = None  # iteration, batches and flag of the last step

    def before_train(self, runner: Runner) -> None:
        """Begin to watch model and optimiser."""
        if runner.iter == 0:
            self.in_a_row = self.total = 0
        model, self.wrapper = unwrap(runner.model), runner.optim_wrapper
        check_hooks(model, runner.hooks)
        self.step_skipped = False
        self.batches.clear()
        self.losses.clear()
        self.unread = None
        self.buffers = list(moving_statistics(model).values())
        self.kept = [buffer.clone() for buffer in self.buffers]
        self.watching = [
            model.register_forward_hook(self._note_losses),
            self.wrapper.optimizer.register_step_pre_hook(lambda *_: self._decide()),
            self.wrapper.optimizer.register_step_post_hook(lambda *_: self._undo()),
        ]

    def after_train(self, runner: Runner) -> None:
        """Leave model and optimiser as they were."""
        self._settle(runner)
        for handle in self.watching:
            handle.remove()

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if not self.batches and self.kept:
            torch._foreach_copy_(self.kept, self.buffers)

    def _note_losses(self, model: nn.Module, inputs: Any, outputs: Any) -> None:
        if model.training and torch.is_grad_enabled() and isinstance(outputs, dict):
            for name, value in outputs.items():
                if 'loss' in name:  # as mmengine decides what belongs to the total
                    self.losses += [
                        part.detach().float().sum() for part in ([value] if torch.is_tensor(value) else value)
                    ]

    def _decide(self) -> None:
        faults = self._faults()
        self.losses.clear()
        if reading_waits(faults) and (state := self._state_of_step()) is not None:
            self.step_skipped = faults > 0
            self.changed = [*state, *self.buffers]
            self.before_step = [*(tensor.detach().clone() for tensor in state), *self.kept]
            return
        self.step_skipped = bool(LateValue(faults).read())
        if self.step_skipped:
            self.wrapper.optimizer.zero_grad(set_to_none=True)
            if self.kept:
                torch._foreach_copy_(self.buffers, self.kept)

    def _undo(self) -> None:
        """Undo the step that was taken, if the flag on the device says so."""
        if torch.is_tensor(self.step_skipped):
            restore_where(self.step_skipped, self.changed, self.before_step)
        self.changed, self.before_step = [], []

    def _stepping(self) -> list[Tensor]:
        """The parameters that the optimiser's step changes."""
        return [
            parameter
            for group in self.wrapper.optimizer.param_groups
            for parameter in group['params']
            if parameter.grad is not None
        ]

    def _state_of_step(self) -> list[Tensor] | None:
        """All tensors that the optimiser's step changes. None: something of its state is new or on the host."""
        optimizer, parameters = self.wrapper.optimizer, self._stepping()
        # torch's optimisers write to their state in place, so that what is restored is theirs.
        if hasattr(self.wrapper, 'loss_scaler') or not type(optimizer).__module__.startswith('torch.optim.'):
            return None
        stateless = isinstance(optimizer, torch.optim.SGD) and not any(
            group['momentum'] for group in optimizer.param_groups
        )
        states = [optimizer.state.get(parameter, {}) for parameter in parameters]
        values = [value for state in states for value in state.values() if value is not None]
        known = stateless or all(states)
        return [*parameters, *values] if known and all(map(reading_waits, values)) else None

    @torch.no_grad()
    def _faults(self) -> Tensor:
        """How many losses, and without a scaler gradients, are not finite on all processes together."""
        parts = list(self.losses)
        if not hasattr(self.wrapper, 'loss_scaler'):
            gradients = [parameter.grad for parameter in self._stepping() if parameter.grad is not None]
            # The norm is NaN or infinite where one entry is. It overflows from entries of 1e19 on, which would spoil the
            # weights too.
            parts += [norm.float() for norm in torch._foreach_norm(gradients)] if gradients else []
        faults = (~torch.stack(parts).isfinite()).sum().float()
        all_reduce(faults)
        return faults

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        values = {name: value.detach() if torch.is_tensor(value) else value for name, value in (outputs or {}).items()}
        self.batches.append((video_names(data_batch), values))
        if not runner.optim_wrapper.should_update():
            return
        if self.losses:  # the scaler has skipped the step
            self._decide()
        self._settle(runner)
        batches, self.batches = self.batches, []
        self.unread = runner.iter, batches, LateValue(torch.as_tensor(self.step_skipped))
        if not torch.is_tensor(self.step_skipped):
            self._settle(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        self._settle(runner)

    def _settle(self, runner: Runner) -> None:
        """Count, and tell, what became of the last step. Collective after a skipped one."""
        if self.unread is None:
            return
        (iteration, batches, skipped), self.unread = self.unread, None
        if not skipped.read():
            self.in_a_row = 0
            return
        self.in_a_row += 1
        self.total += 1
        fault = describe(batches)
        runner.logger.warning(
            f'iteration {iteration + 1}: {fault}. The step is skipped: {self.in_a_row} in a row, {self.total} in all'
        )
        if self.in_a_row >= self.max_in_a_row:
            self._stop(iteration, fault, f'{self.in_a_row} steps in a row were skipped', 'max_in_a_row')
        if self.max_total is not None and self.total >= self.max_total:
            self._stop(iteration, fault, f'{self.total} steps were skipped in all', 'max_total')

    def _stop(self, iteration: int, fault: str, how_many: str, limit: str) -> None:
        raise TrainingStopped(
            f'training stops at iteration {iteration + 1}, since {how_many} '
            f'(default_hooks.loss_guard.{limit}={getattr(self, limit)}). The last: {fault}.\n'
            'No skipped step has changed the weights; it may be the steps before that have spoiled them, and then an '
            'earlier checkpoint is the one to start from (--init-from: --resume keeps the learning rate). What helps: a lower '
            'one (optim_wrapper.optimizer.lr) or one that rises slowly (a LinearLR in param_scheduler), smaller gradients '
            '(optim_wrapper.clip_grad.max_norm=10), full precision (default_hooks.precision.precision=fp32), a higher '
            'temperature of a contrastive head. Where it is always the same videos, look at them'
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        # The last step may still be unread. It is counted here; its warning is for all processes, and this is one of them.
        unread = self.unread is not None and bool(self.unread[2].read())
        checkpoint['loss_guard'] = dict(total=self.total + unread)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        # The count of steps in a row begins anew: a user who resumes after a stop has changed something.
        self.in_a_row, self.total = 0, checkpoint.get('loss_guard', {}).get('total', 0)


def video_names(data_batch: dict | None) -> list[str]:
    """The paths of a batch's videos, of those samples that know them."""
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    return [str(sample.metainfo['filename']) for sample in samples or [] if 'filename' in sample.metainfo]


def describe(batches: list[tuple[list[str], dict]]) -> str:
    """What is not finite, and in which videos: those of the batches with such a loss, or of all where no loss is.

    Args:
        batches: of one optimiser step on this process: the videos, and what the log gets.
    """
    found = [
        ([name for name, value in outputs.items() if not bool(torch.as_tensor(value).isfinite().all())], videos)
        for videos, outputs in batches
    ]
    # The total is left out where one of its terms is named.
    names = {name for names, _ in found for name in names}
    terms = sorted(names - {'loss'} if len(names) > 1 else names)
    videos = [video for names, videos in found if names or not terms for video in videos]
    everyones: list = [(terms, videos)]
    if get_world_size() > 1:
        everyones = all_gather_object((terms, videos))
        if any(terms for terms, _ in everyones):
            everyones = [(terms, videos) for terms, videos in everyones if terms]
    terms = sorted({term for terms, _ in everyones for term in terms})
    videos = list(dict.fromkeys(video for _, videos in everyones for video in videos))
    what = (
        f'{", ".join(terms)} {"is" if len(terms) == 1 else "are"} NaN or infinite'
        if terms
        else ('a gradient is NaN or infinite, though the losses are finite')
    )
    return f'{what}; the videos of the batch: {", ".join(videos) or "unknown"}'
