"""Saves a checkpoint and ends the run on SIGTERM or Ctrl-C."""

import mmap
import os
import os.path as osp
import signal
import threading
import time
from collections.abc import Sequence

import torch
from mmengine.dist import all_reduce, barrier, get_world_size, is_main_process
from mmengine.hooks import Hook

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import HOOKS

from .exact_resume_hook import ExactResumeHook, checkpoint_hooks


@HOOKS.register_module()
class SaveAndStopHook(Hook):
    """On SIGTERM (Slurm's time limit, spot machines, ``kill``) and SIGINT (Ctrl-C), finishes the iteration, saves a checkpoint
    and ends the process with status 143 or 130, which is 128 + the signal's number. ``--resume`` goes on from the checkpoint.

    In the middle of an epoch the checkpoint is ``iter_N.pth``, beside the checkpoint hook's ``epoch_N.pth``. It is removed
    when the resumed run has saved its next checkpoint, be it on another signal. A signal during validation ends the run at
    once if the last epoch or iteration is saved, otherwise when training goes on. A second signal ends the run at once, as
    without this hook. Several processes stop after the same iteration, whichever of them received the signal. They have
    30 seconds: torchrun and Slurm then kill them.

    All processes of a job receive the signal. A forked loader worker ignores it until training has ended. A spawned worker
    dies of it; a single process then stops after the last batch that it has.

    Args:
        signals: names of the signals; one that the process ignores, as SIGINT after ``nohup`` or in a script's background,
            stays ignored. Slurm can send another signal some time before SIGTERM:
            ``#SBATCH --signal=USR1@300`` and ``signals=('SIGTERM', 'SIGINT', 'SIGUSR1')``.
        agree_every: iterations between two exchanges in which several processes find out whether one of them received a
            signal. An exchange sums one number over the processes; on GPUs it waits for the device, as ``LossGuardHook`` does.

    Raises:
        ConfigError: a name is not a signal, or ``agree_every`` is not a positive integer.
    """

    priority = 'LOWEST'  # after the checkpoint hook
    repeat_seconds = 1.0  # launchers forward a signal that all processes have received

    def __init__(self, signals: Sequence[str] = ('SIGTERM', 'SIGINT'), agree_every: int = 1) -> None:
        unknown = [name for name in signals if name not in signal.Signals.__members__]
        if unknown or isinstance(signals, str):
            raise ConfigError(f"SaveAndStopHook: signals must be a list of names such as 'SIGTERM', got {signals!r}")
        check_integer('SaveAndStopHook: agree_every', agree_every)
        self.signals = [signal.Signals[name] for name in signals]
        self.agree_every = agree_every
        self.received = 0
        self.received_at = 0.0  # seconds
        self.over = mmap.mmap(-1, 1)  # a byte that forked workers share: 1 when training has ended
        self.before: dict = {}
        self.saving_as: str | None = None
        self.outdated: str | None = None

    # ------------------------------------------------------------------------------------------------------ the signal
    def before_train(self, runner) -> None:
        self.received = 0
        self.over[0] = 0
        self.process = os.getpid()
        if threading.current_thread() is threading.main_thread():
            wanted = [number for number in self.signals if signal.getsignal(number) is not signal.SIG_IGN]
            self.before = {number: signal.signal(number, self._handle) for number in wanted}

    def after_train(self, runner) -> None:
        self.over[0] = 1
        for number, handler in self.before.items():
            signal.signal(number, handler)
        self.before = {}

    after_failed_training = after_train

    def _handle(self, number: int, frame) -> None:
        """Signal handler: remember the signal until the end of the iteration; end the process at the second signal."""
        in_worker = os.getpid() != self.process  # a forked worker inherits the handlers
        again = self.received and time.monotonic() - self.received_at > self.repeat_seconds
        if again or in_worker and self.over[0]:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not self.received:
            self.received, self.received_at = int(number), time.monotonic()
            if in_worker:
                return
            # The signal may end spawned workers, and torch's handler would then raise an error in the middle of the step.
            if hasattr(signal, 'SIGCHLD'):
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.write(
                2,
                f'{signal.Signals(number).name}: saving a checkpoint after this iteration; once more ends at '
                'once\n'.encode(),
            )

    # ------------------------------------------------------------------------------------------------------- the stop
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._remove_outdated(runner)
        if get_world_size() == 1 or (runner.iter + 1) % self.agree_every == 0:
            self._stop_if_asked(runner, runner.iter + 1)

    def after_train_epoch(self, runner) -> None:
        self._remove_outdated(runner)
        if saved(runner, runner.epoch + 1, by_epoch=True):
            self._stop_if_asked(runner)

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        # Processes may validate on different numbers of batches.
        in_training = self.before and get_world_size() == 1
        if in_training and (saved(runner, runner.epoch, by_epoch=True) or saved(runner, runner.iter, by_epoch=False)):
            self._stop_if_asked(runner)

    def after_failed_batch(self, runner) -> None:
        """Stop if the signal ended the loader's workers, so that there is no next batch.

        Several processes do not stop here: the others may be in the middle of a step, and cannot exchange numbers.
        """
        if get_world_size() == 1:
            self._stop_if_asked(runner, runner.iter)

    def _stop_if_asked(self, runner, iterations: int | None = None) -> None:
        """End the run if a process received a signal.

        Args:
            runner: the runner.
            iterations: save a checkpoint first, as after so many iterations; None: one is saved.
        """
        received = torch.tensor(float(self.received))
        all_reduce(received, 'max')
        if not received:
            return
        number = int(received)
        if iterations:
            self._save(runner, iterations)
            self._remove_outdated(runner)
        runner.logger.info(
            f'{signal.Signals(number).name}: training stops after {iterations or runner.iter} '
            'iterations; --resume goes on'
        )
        barrier()  # a launcher ends all processes as soon as one has ended
        raise SystemExit(128 + number)

    def _save(self, runner, iterations: int) -> None:
        hooks = checkpoint_hooks(runner)
        if not hooks or saved(runner, iterations, by_epoch=False):
            return
        for hook in runner.hooks:
            if isinstance(hook, ExactResumeHook):
                hook.gather(runner)
        hook, settings = hooks[0], {}
        if hook.by_epoch:
            # The hook is not to count this checkpoint among those that it keeps.
            settings = dict(by_epoch=False, filename_tmpl='iter_{}.pth', max_keep_ckpts=-1)
            self.saving_as = f'iter_{iterations}.pth'
        before = {name: getattr(hook, name) for name in settings}
        vars(hook).update(settings)
        try:
            hook._save_checkpoint_with_step(runner, iterations, meta=dict(epoch=runner.epoch, iter=iterations))
        finally:
            vars(hook).update(before)
            self.saving_as = None

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if self.saving_as is not None:
            checkpoint['saved_by_signal'] = self.saving_as

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if runner._resume:
            self.outdated = checkpoint.get('saved_by_signal')

    def _remove_outdated(self, runner) -> None:
        """Remove the checkpoint that this run was resumed from, if a signal made it and there is a newer one."""
        for hook in checkpoint_hooks(runner):
            if self.outdated is not None and hook.last_ckpt is not None:
                path = osp.join(hook.out_dir, self.outdated)
                if osp.basename(hook.last_ckpt) != self.outdated and is_main_process() and osp.isfile(path):
                    os.remove(path)
                self.outdated = None


def saved(runner, number: int, by_epoch: bool) -> bool:
    """Whether the last checkpoint was saved after so many epochs or iterations."""
    return any(
        hook.by_epoch == by_epoch
        and hook.last_ckpt is not None
        and osp.basename(hook.last_ckpt) == hook.filename_tmpl.format(number)
        for hook in checkpoint_hooks(runner)
    )
