"""Hooks of the methods with an averaged teacher and a memory bank."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from videossl.checks import check_share
from videossl.engine.late_values import restore_where
from videossl.errors import ConfigError
from videossl.models.pretrainers.momentum_pretrainer import MomentumPretrainer, begins_step, missing_hooks
from videossl.registry import HOOKS
from videossl.wrappers import innermost_datasets, unwrap


def moving_statistics(model: nn.Module) -> dict[str, Tensor]:
    """The buffers that a forward pass changes, those of batch norms, by name."""
    return {
        f'{owner}.{name}': buffer
        for owner, module in model.named_modules()
        if isinstance(module, _NormBase)
        for name, buffer in module.named_buffers(recurse=False)
    }


def loss_scale(runner: Runner) -> float:
    """The factor of fp16's loss scaling, which falls when a step is skipped; 1 without it."""
    scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
    return 1.0 if scaler is None else scaler.get_scale()


def fitting_momentum(steps: int) -> float:
    """A teacher's momentum for a run: its average reaches over a quarter of the steps, so that 2 % of its first weights are
    left at the end. The quarter is a guess."""
    return round(max(1 - 4 / steps, 0.0), 4)


def advice_on_bank(size: int, keys: int | None, num_videos: int) -> str | None:
    """What to say of a memory bank that is too large for a run: its reasons, and one size that fits all of them.

    Args:
        size: rows of the bank.
        keys: embeddings that the run enqueues; None: not known.
        num_videos: videos of the training data.

    Returns:
        The warning, or None where the bank fits.
    """
    reasons, fitting = [], size
    if keys is not None and keys < size:
        reasons.append(
            f'this run enqueues {keys} embeddings, so that the bank is never filled and its other rows stay random'
        )
        fitting = max(1, keys // 4)  # written four times; a guess
    if num_videos < size:
        reasons.append(
            f'there are {num_videos} videos, so that the bank holds each several times, also those of the batch, whose own '
            'earlier embeddings then count as other videos'
        )
        fitting = min(fitting, num_videos)
    return f'model.memory_bank.size={size}: {"; ".join(reasons)}. Set it to {fitting} or less' if reasons else None


def check_hooks(model: nn.Module, hooks: Sequence[Hook]) -> None:
    """Refuse a model without the hooks that are a part of its method.

    Raises:
        ConfigError: names the missing hooks.
    """
    attached = {parent.__name__ for hook in hooks for parent in type(hook).__mro__}
    missing = [name for name in getattr(model, 'required_hooks', ()) if name not in attached]
    if missing:
        raise ConfigError(missing_hooks(model, missing))


class AfterStepHook(Hook):
    """Calls a MomentumPretrainer once after each optimiser step, and tells it whether the step was taken.

    A step is skipped where fp16's loss scaling or :class:`~videossl.engine.LossGuardHook` found a loss or a gradient that
    is not finite. Teacher and bank then stay as they are.
    """

    # After HandOffHook, whose weights the teacher copies. Before the checkpoint hook: a checkpoint holds teacher and bank
    # as the next iteration will see them.
    priority = 'NORMAL'

    def model_of(self, runner: Runner) -> MomentumPretrainer:
        model = unwrap(runner.model)
        if not isinstance(model, MomentumPretrainer):
            raise ConfigError(
                f'{type(self).__name__} needs a model with an averaged teacher, got {type(model).__name__}; use '
                'MomentumPretrainer or remove the hook'
            )
        return model

    def before_train(self, runner: Runner) -> None:
        check_hooks(self.model_of(runner), runner.hooks)
        self.scale = loss_scale(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        if begins_step(runner.optim_wrapper):
            self.scale = loss_scale(runner)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if not runner.optim_wrapper.should_update():
            return
        model = self.model_of(runner)
        skipped = [getattr(hook, 'step_skipped', False) for hook in runner.hooks]
        on_device = [flag for flag in skipped if isinstance(flag, Tensor)]
        if on_device:  # the host does not know, so the change is made and undone there
            changed = self.changed_by(model)
            before = [tensor.detach().clone() for tensor in changed]
            self.after_step(model, taken=True)
            restore_where(torch.stack(on_device).any(), changed, before)
        else:
            self.after_step(model, taken=not any(skipped) and loss_scale(runner) >= self.scale)

    def after_step(self, model: MomentumPretrainer, taken: bool) -> None:
        raise NotImplementedError

    def changed_by(self, model: MomentumPretrainer) -> list[Tensor]:
        """The tensors that :meth:`after_step` changes."""
        raise NotImplementedError


@HOOKS.register_module()
class MomentumTeacherHook(AfterStepHook):
    """Moves a model's teacher after each optimiser step: theta_T <- m theta_T + (1 - m) theta_S.

    "Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation",
    Dadashzadeh, Whone, Mirmehdi, 2021, Algorithm 1, line 6. The paper moves it in the next iteration, after the student's
    forward pass; no parameter changes in between, so that both are the same.

    When training starts, not when it resumes, the teacher becomes an exact copy of the student: by then weights have
    been initialised or handed over. ``copy_student=False`` is the exception.

    Args:
        momentum: m, the share of the old teacher that is kept. Paper: 0.999.
        copy_student: False: the teacher gets its own random weights when training starts, as in the auxSKD paper where RSPNet
            follows the auxiliary stage: "transfer all the convolutional layer weights to its query encoder and initialize
            the projection head and key encoder randomly". The keys then mean little until the teacher has moved to the
            student, in some thousands of steps.

    A run that is too short for its momentum gives a warning with the value to take: more than two thirds (a guess) of
    the teacher's first weights would be left at its end.
    """

    def __init__(self, momentum: float = 0.999, copy_student: bool = True) -> None:
        check_share('MomentumTeacherHook: momentum', momentum)
        self.momentum = momentum
        self.copy_student = copy_student
        # In older checkpoints the teacher has not yet moved after the last step.
        self.move_is_due = False

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        model = self.model_of(runner)
        model.pending_keys.clear()
        if runner.iter > 0:
            return
        self.move_is_due = False
        model.start_teacher(self.copy_student)
        if not self.copy_student:
            model.move_teacher(self.momentum)  # of the first iteration; a copy stays where it is
        self._warn_if_slow(runner)
        how = 'as a copy of the student' if self.copy_student else 'from random weights of its own (copy_student=False)'
        print_log(f'the averaged teacher starts {how}', logger='current')

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        super().before_train_iter(runner, batch_idx, data_batch)
        if self.move_is_due and begins_step(runner.optim_wrapper):
            self.model_of(runner).move_teacher(self.momentum)
        self.move_is_due = False

    def after_step(self, model: MomentumPretrainer, taken: bool) -> None:
        if taken:
            model.move_teacher(self.momentum)
        if model.memory_bank is None:
            model.pending_keys.clear()

    def changed_by(self, model: MomentumPretrainer) -> list[Tensor]:
        return list(model.teacher.parameters())

    def _warn_if_slow(self, runner: Runner) -> None:
        iterations = getattr(runner, 'max_iters', None)
        if iterations is None:  # a loop of one's own that does not know its end
            return
        # The last iteration ends a step, however few were accumulated.
        steps = max(1, -(-iterations // runner.optim_wrapper._accumulative_counts))
        left = self.momentum**steps
        if left <= 2 / 3 or self.momentum == 1:  # with 1 it is meant to stay
            return
        runner.logger.warning(
            f'the averaged teacher is slow for a run of {steps} steps: with momentum={self.momentum:g} {left:.0%} of its first '
            f'weights are left at the end. Train longer, or set momentum={fitting_momentum(steps):g} of '
            'MomentumTeacherHook in custom_hooks'
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self.move_is_due = not checkpoint.get('step_skipped', True)


@HOOKS.register_module()
class MemoryBankHook(AfterStepHook):
    """Enqueues the teacher's embeddings once per optimiser step, after it; so the similarities of an iteration never see
    that iteration's own keys. With several processes all keys are gathered first, in the order of the ranks, and every
    rank's bank stays the same.

    A bank that the run never fills, some of whose rows stay random, or that has more rows than there are videos, gives one
    warning with the size to take.
    """

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        bank = self.model_of(runner).memory_bank
        loader, iterations = getattr(runner, 'train_dataloader', None), getattr(runner, 'max_iters', None)
        if runner.iter > 0 or bank is None or loader is None:
            return
        # Unknown of a loop of one's own that does not know its end, and of a batch sampler of one's own.
        keys = None if None in (iterations, loader.batch_size) else iterations * loader.batch_size * get_world_size()
        advice = advice_on_bank(bank.size, keys, sum(map(len, innermost_datasets(loader.dataset))))
        if advice is not None:
            runner.logger.warning(advice)

    def after_step(self, model: MomentumPretrainer, taken: bool) -> None:
        if taken:
            model.enqueue_pending_keys()
        model.pending_keys.clear()

    def changed_by(self, model: MomentumPretrainer) -> list[Tensor]:
        return [] if model.memory_bank is None else list(model.memory_bank.buffers())
