"""No step from a loss or a gradient that is not a number."""

import functools

import torch
from mmengine.dist import all_gather_object, all_reduce, get_world_size
from mmengine.hooks import Hook
from torch import Tensor

from videossl.errors import UserError
from videossl.registry import HOOKS
from videossl.wrappers import unwrap

from .momentum_hooks import moving_statistics


class TrainingStopped(UserError, RuntimeError):
    """Training cannot go on; the message says why and what to do."""


@HOOKS.register_module()
class LossGuardHook(Hook):
    """Skips the optimiser's step where a loss or a gradient is NaN or infinite, and stops training where that goes on.

    Nothing is taken from a skipped step: weights and the optimiser's state stay as they are, batch-norm statistics (of
    the teacher too) go back to what they were before it, the memory bank gets no key and the averaged teacher does not
    move. With accumulated gradients the whole step is left out, with all of its batches; with several processes all of
    them skip it together. The log names the videos. Learning rates follow the iterations, skipped or not.

    The decision is read back from the device between the backward pass and the step: from a bad step nothing may be
    taken, and nobody but the host knows statistics, bank and teacher. On an accelerator the host waits there for the
    backward pass, and queues the optimiser's few kernels after it. mmengine reads each number of the log right after
    the step, so without the guard the host would wait a moment later.

    A gradient that fp16's loss scaling finds too large is no fault: the scaler skips such steps by itself, to lower its
    scale. There the guard looks at the loss alone.

    Args:
        max_in_a_row: training stops after so many skipped steps one after another. They come from weights or from a
            learning rate that are past help, and no step changes them any more.
        max_total: training stops after so many skipped steps in all, counted over resumed runs. None: no such limit.
    """

    # Its part before the iteration comes before MemoryBankHook's, and its wrapper of the step is around all others.
    priority = 'ABOVE_NORMAL'

    def __init__(self, max_in_a_row: int = 10, max_total: int | None = 100) -> None:
        for name, value in (('max_in_a_row', max_in_a_row), ('max_total', max_total)):
            if not (type(value) is int and value >= 1 or value is None and name == 'max_total'):
                raise ValueError(f'LossGuardHook: {name} must be a whole number of at least 1, got {value!r}')
        self.max_in_a_row = max_in_a_row
        self.max_total = max_total
        self.in_a_row = self.total = 0

    def before_train(self, runner) -> None:
        """Stand between the optimiser wrapper and its step."""
        if runner.iter == 0:
            self.in_a_row = self.total = 0
        self.model, self.wrapper = unwrap(runner.model), runner.optim_wrapper
        self.wrapper.step_skipped = False
        self.buffers = list(moving_statistics(self.model).values())
        self.kept = [buffer.clone() for buffer in self.buffers]
        self.batches: list[tuple] = []
        self.losses: list[Tensor] = []
        self.backward, self.step = self.wrapper.backward, self.wrapper.step
        # As wrappers of what was there, since mmengine's schedulers put a counter of steps there and look for it.
        self.wrapper.backward = functools.update_wrapper(functools.partial(self._backward), self.backward)
        self.wrapper.step = functools.update_wrapper(functools.partial(self._step), self.step)

    def after_train(self, runner) -> None:
        """Leave the wrapper as it was."""
        self.wrapper.backward, self.wrapper.step = self.backward, self.step

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if not self.batches and self.kept:
            torch._foreach_copy_(self.kept, self.buffers)

    def _backward(self, loss: Tensor, **kwargs) -> None:
        self.losses.append(loss.detach())
        self.backward(loss, **kwargs)

    def _step(self, **kwargs) -> None:
        self.wrapper.step_skipped = not self._everywhere_finite()
        self.losses.clear()
        if not self.wrapper.step_skipped:
            self.step(**kwargs)
        elif self.kept:
            torch._foreach_copy_(self.buffers, self.kept)

    @torch.no_grad()
    def _everywhere_finite(self) -> bool:
        """Whether the losses, and the gradients where no scaler sees to them, are finite on every process."""
        parts = [loss.float() for loss in self.losses]
        if not hasattr(self.wrapper, 'loss_scaler'):
            gradients = [
                parameter.grad
                for group in self.wrapper.optimizer.param_groups
                for parameter in group['params']
                if parameter.grad is not None
            ]
            # The norm is NaN or infinite where one entry is. It overflows from entries of 1e19 on, which no weight
            # would survive either.
            parts += [norm.float() for norm in torch._foreach_norm(gradients)] if gradients else []
        faults = (~torch.stack(parts).isfinite()).sum().float()
        all_reduce(faults)
        return not bool(faults)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.batches.append((video_names(data_batch), dict(outputs or {})))
        if not runner.optim_wrapper.should_update():
            return
        batches, self.batches = self.batches, []
        if not self.wrapper.step_skipped:
            self.in_a_row = 0
            return
        self.in_a_row += 1
        self.total += 1
        fault = describe(batches)
        runner.logger.warning(
            f'iteration {runner.iter + 1}: {fault}. The step is skipped: {self.in_a_row} in a row, {self.total} in all'
        )
        if self.in_a_row >= self.max_in_a_row:
            self._stop(runner, fault, f'{self.in_a_row} steps in a row were skipped', 'max_in_a_row')
        if self.max_total is not None and self.total >= self.max_total:
            self._stop(runner, fault, f'{self.total} steps were skipped in all', 'max_total')

    def _stop(self, runner, fault: str, how_many: str, limit: str) -> None:
        raise TrainingStopped(
            f'training stops at iteration {runner.iter + 1}, since {how_many} '
            f'(default_hooks.loss_guard.{limit}={getattr(self, limit)}). The last: {fault}.\n'
            'No skipped step has changed the weights; it may be the steps before that have spoiled them, and then an '
            'earlier checkpoint is the one to start from (--init-from: --resume keeps the learning rate). What helps: a lower '
            'one (optim_wrapper.optimizer.lr) or one that rises slowly (a LinearLR in param_scheduler), smaller gradients '
            '(optim_wrapper.clip_grad.max_norm=10), full precision (default_hooks.precision.precision=fp32), a higher '
            'temperature of a contrastive head. Where it is always the same videos, look at them'
        )

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['loss_guard'] = dict(total=self.total)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        # Not those in a row: who goes on after a stop has changed something, and gets as many tries as before.
        self.in_a_row, self.total = 0, checkpoint.get('loss_guard', {}).get('total', 0)


def video_names(data_batch: dict | None) -> list[str]:
    """The files of a batch, as far as its samples know."""
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
    # The total says nothing more, where one of its terms is named.
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
