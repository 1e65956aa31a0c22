"""Hooks of the methods with an averaged teacher and a memory bank."""

import torch
from mmengine.dist import all_gather, broadcast, get_world_size
from mmengine.hooks import Hook
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from videossl.registry import HOOKS
from videossl.wrappers import unwrap


def moving_statistics(model: nn.Module) -> dict[str, Tensor]:
    """The buffers that a forward pass changes, those of batch norms, by name."""
    return {
        f'{owner}.{name}': buffer
        for owner, module in model.named_modules()
        if isinstance(module, _NormBase)
        for name, buffer in module.named_buffers(recurse=False)
    }


def begins_step(runner) -> bool:
    """Whether the coming iteration is the first of those whose gradients one optimiser step accumulates."""
    wrapper = runner.optim_wrapper
    return wrapper._inner_count % wrapper._accumulative_counts == 0


def loss_scale(runner) -> float:
    """The factor of fp16's loss scaling, which falls when a step is skipped; 1 without it."""
    scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
    return 1.0 if scaler is None else scaler.get_scale()


def skipped_by_guard(runner) -> bool:
    """Whether :class:`~videossl.engine.LossGuardHook` has left out the last step."""
    return getattr(runner.optim_wrapper, 'step_skipped', False)


@HOOKS.register_module()
class MomentumTeacherHook(Hook):
    """Moves a model's teacher: theta_T <- m theta_T + (1 - m) theta_S, once per optimiser step.

    "Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation",
    Dadashzadeh, Whone, Mirmehdi, 2021, Algorithm 1, line 6. The teacher moves before the iteration, towards the
    student's weights from before this iteration's step. The paper moves it after the student's forward pass, which
    changes no parameter, so that both are the same. (mmengine's ``EMAHook`` would move it after the step.)

    When training starts, not when it resumes, the teacher becomes an exact copy of the student: by then weights have
    been initialised or handed over. ``copy_student=False`` is the exception.

    Args:
        momentum: m, the share of the old teacher that is kept. Paper: 0.999.
        copy_student: False: the teacher gets random weights of its own instead when training starts. So the auxSKD paper
            does it where RSPNet follows the auxiliary stage: "transfer all the convolutional layer weights to its query
            encoder and initialize the projection head and key encoder randomly". Its keys then mean little until the
            teacher has moved all the way to the student, in some thousands of steps.
    """

    # After HandOffHook, whose weights the teacher copies.
    priority = 'NORMAL'

    def __init__(self, momentum: float = 0.999, copy_student: bool = True) -> None:
        if not 0 <= momentum <= 1:
            raise ValueError(f'MomentumTeacherHook: momentum must lie in 0..1, got {momentum}')
        self.momentum = momentum
        self.copy_student = copy_student

    def before_train(self, runner) -> None:
        model = unwrap(runner.model)
        if not hasattr(model, 'move_teacher'):
            raise TypeError(
                f'MomentumTeacherHook needs a model with a teacher, got {type(model).__name__}; use '
                'MomentumPretrainer or remove the hook'
            )
        model.attached_hooks.add('MomentumTeacherHook')
        if runner.iter > 0:
            return
        if self.copy_student:
            model.copy_student_to_teacher()
            print_log('the averaged teacher starts as a copy of the student', logger='current')
        else:
            model.initialise_teacher()
            print_log(
                'the averaged teacher starts from random weights of its own (copy_student=False)', logger='current'
            )
            for tensor in model.teacher.state_dict().values():
                broadcast(tensor)  # rank 0's for all: each process has drawn its own

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        model = unwrap(runner.model)
        if not begins_step(runner):
            return
        if model.step_skipped:
            model.step_skipped = False  # the student is where it was, and so stays the teacher
        else:
            model.move_teacher(self.momentum)


@HOOKS.register_module()
class MemoryBankHook(Hook):
    """Enqueues the teacher's embeddings once per optimiser step, after it; so the similarities of an iteration never see
    that iteration's own keys. With several processes all keys are gathered first, in the order of the ranks, and every
    rank's bank stays the same.

    A step that fp16's loss scaling or :class:`~videossl.engine.LossGuardHook` skips, because a loss or a gradient was
    not finite, enqueues nothing, and the teacher does not move for it.
    """

    # Before the checkpoint hook: a checkpoint holds the bank as the next iteration will see it.
    priority = 'NORMAL'

    def before_train(self, runner) -> None:
        model = unwrap(runner.model)
        if not hasattr(model, 'memory_bank'):
            raise TypeError(
                f'MemoryBankHook needs a model with a memory bank, got {type(model).__name__}; use '
                'MomentumPretrainer or remove the hook'
            )
        model.attached_hooks.add('MemoryBankHook')
        model.pending_keys.clear()
        if runner.iter == 0:
            model.step_skipped = False
        self.scale = loss_scale(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if begins_step(runner):
            self.scale = loss_scale(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if not runner.optim_wrapper.should_update():
            return
        model = unwrap(runner.model)
        keys = torch.cat(model.pending_keys)
        model.pending_keys.clear()
        model.step_skipped = skipped_by_guard(runner) or loss_scale(runner) < self.scale
        if model.step_skipped:
            return
        if get_world_size() > 1:
            keys = torch.cat(all_gather(keys))
        model.memory_bank.enqueue(keys)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['step_skipped'] = unwrap(runner.model).step_skipped

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        unwrap(runner.model).step_skipped = checkpoint.get('step_skipped', False)
