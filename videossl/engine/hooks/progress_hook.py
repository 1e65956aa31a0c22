"""Writes the progress of a run to a file, for another process."""

import json
import os
import time

import torch
from mmengine.dist import master_only
from mmengine.hooks import Hook

from videossl.files import whole_file
from videossl.registry import HOOKS


@HOOKS.register_module()
class ProgressHook(Hook):
    """Writes the progress of training or test to a file, at most twice a second, for the process that started this run.

    Args:
        file: path of the JSON file: ``done`` and ``total`` iterations, and the last logged losses and accuracies.
        parent: id of the process that started this run. When that process is gone, the run ends, so that two runs never
            write to one folder. None: there is no such process.
    """

    priority = 'LOWEST'
    min_seconds = 0.5

    def __init__(self, file: str, parent: int | None = None) -> None:
        self.file = file
        self.parent = parent
        self.last_written = 0.0

    def before_train(self, runner) -> None:
        self._end_without_parent()

    before_test = before_train

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._write(runner.iter + 1, runner.max_iters, outputs)

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._end_without_parent()

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._write(batch_idx + 1, len(runner.test_dataloader))

    @master_only
    def _end_without_parent(self) -> None:
        if self.parent is not None and os.getppid() != self.parent:
            raise SystemExit('the process that started this run has ended; so does the run')

    @master_only
    def _write(self, done: int, total: int, outputs: dict | None = None) -> None:
        self._end_without_parent()
        if time.monotonic() - self.last_written < self.min_seconds and done < total:
            return
        self.last_written = time.monotonic()
        # Reading a value waits for the accelerator, so only values that are written are read. They are detached, since torch
        # warns when a loss with a graph becomes a number.
        metrics = {
            name: float(value.detach() if isinstance(value, torch.Tensor) else value)
            for name, value in (outputs or {}).items()
            if name.startswith(('acc_', 'loss')) or name == 'top1_acc'
        }
        with whole_file(self.file) as temporary:
            temporary.write_text(json.dumps(dict(done=done, total=total, metrics=metrics)))
