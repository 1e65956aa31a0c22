"""Losses and accuracies for the log, read from an accelerator when the log is written."""

from typing import Any

import torch
from mmengine.hooks import LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner

from videossl.engine.late_values import reading_waits
from videossl.registry import HOOKS

WITHOUT_LOG = 20  # iterations between two readings where no hook writes a log


@HOOKS.register_module()
class LateRuntimeInfoHook(RuntimeInfoHook):
    """mmengine's RuntimeInfoHook, which does not wait for an accelerator in every iteration.

    mmengine reads each value of the log after each step, so that the host waits for the whole step before it queues the
    next. This hook keeps the values on the device. It reads them together in the iterations whose line the log writes, at
    the end of an epoch, and before a checkpoint is saved. The log's lines and checkpoints stay the same. Values on the CPU
    are read at once.

    A hook that reads losses from ``runner.message_hub`` in between finds older ones; ``outputs`` of ``after_train_iter`` has
    those of the iteration.
    """

    def __init__(self) -> None:
        self.unread: list[dict] = []

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        self.unread.clear()
        self.interval = min(
            (hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)), default=WITHOUT_LOG
        )

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        if outputs is not None:
            self.unread.append(
                {name: value.detach() if torch.is_tensor(value) else value for name, value in outputs.items()}
            )
        waits = any(map(reading_waits, (outputs or {}).values()))
        logged = self.every_n_inner_iters(batch_idx, self.interval)
        if not waits or logged or self.end_of_epoch(runner.train_dataloader, batch_idx):
            self._read(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        self._read(runner)

    def after_train(self, runner: Runner) -> None:
        self._read(runner)
        super().after_train(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if self.unread:
            self._read(runner)
            checkpoint['message_hub'] = runner.message_hub.state_dict()

    def _read(self, runner: Runner) -> None:
        """Hand all values to the log, those on an accelerator after one copy."""
        unread, self.unread = self.unread, []
        late = [value.float().reshape(()) for values in unread for value in values.values() if reading_waits(value)]
        numbers = iter(torch.stack(late).tolist() if late else ())
        for values in unread:
            for name, value in values.items():
                runner.message_hub.update_scalar(f'train/{name}', next(numbers) if reading_waits(value) else value)
