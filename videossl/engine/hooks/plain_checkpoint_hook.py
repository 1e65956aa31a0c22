"""Checkpoints of plain types, written whole or not at all."""

import hashlib
import os
import os.path as osp
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, broadcast_object_list, get_world_size, is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from torch import nn

from videossl.checkpoints.checkpoint_files import POINTER, iterations_in, newest_whole, read_pointer, write_pointer
from videossl.checkpoints.reading import read_checkpoint
from videossl.checkpoints.writing import plain_bytes
from videossl.errors import CheckpointError, ConfigError
from videossl.files import remove_temporaries, whole_file
from videossl.registry import HOOKS

CHECKPOINT = re.compile(r'[^/\\]+\.pth')  # a name without a folder


def not_finite(model: nn.Module) -> list[str]:
    """Names of parameters and buffers with NaN or infinite values, on any process."""
    found = [
        name
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point() and not bool(tensor.isfinite().all())
    ]
    return found if get_world_size() == 1 else list(dict.fromkeys(sum(all_gather_object(found), [])))


@HOOKS.register_module()
class PlainCheckpointHook(CheckpointHook):
    """mmengine's checkpoint hook, with three differences.

    Checkpoints hold plain types only, so that ``torch.load(weights_only=True)``, the default since torch 2.6, can read
    them. mmengine 0.10.7 stores its logging history as objects and then cannot resume from its own files
    (open-mmlab/mmengine#1655).

    A checkpoint, also the best one by some metric, is written to a temporary name, flushed to the disk and renamed; older
    checkpoints are removed only then. A run killed at any moment leaves the last whole checkpoint. Temporary files of
    killed runs are removed when training starts.

    A run that resumes by itself (``resume=True`` without ``load_from``) goes on from the newest intact checkpoint. The log
    names the damaged ones.

    Args:
        interval: epochs, or with ``by_epoch=False`` iterations, between two checkpoints; -1: no checkpoints.
        arguments: mmengine's. ``out_dir`` must be a folder of this machine's file system.
    """

    best_ckpt_path: str | None

    def __init__(self, interval: int = -1, **arguments) -> None:
        if type(interval) is not int or interval < 1 and interval != -1:
            raise ConfigError(
                f'PlainCheckpointHook: interval must be a whole number of at least 1, or -1 for none, got {interval!r}'
            )
        super().__init__(interval, **arguments)
        for name in self.args:  # mmengine would only refuse it when the first checkpoint is saved
            raise ConfigError(f"PlainCheckpointHook.__init__() got an unexpected keyword argument '{name}'")

    def before_run(self, runner) -> None:
        """Choose the checkpoint to resume from.

        Raises:
            CheckpointError: the named checkpoint, or every checkpoint in the folder, is damaged or has no training state.
        """
        if runner._train_loop is None or not runner._resume or runner._has_loaded:
            return
        shared: list[Any] = [None]
        if is_main_process():
            shared = [self._checkpoint_to_resume(runner)]
        broadcast_object_list(shared)  # all processes go on from the same, and all of them stop where there is none
        runner._load_from, error = shared[0]
        if error is not None:
            raise CheckpointError(error)
        runner._resume = runner._load_from is not None

    def before_train(self, runner) -> None:
        """Remove the temporary files of killed runs, and checkpoints that the run before was about to remove.

        Raises:
            ConfigError: ``out_dir`` is not on this machine's file system.
        """
        super().before_train(runner)
        if not isinstance(self.file_backend, LocalBackend):
            raise ConfigError(
                f'PlainCheckpointHook writes to folders of the file system only; {self.out_dir} (out_dir) is not one'
            )
        if is_main_process():
            self._remove(runner.message_hub.runtime_info.get('outdated_ckpts', []))
            for folder in {self.out_dir, runner.work_dir}:
                removed = remove_temporaries(folder, '*.pth') + remove_temporaries(folder, POINTER)
                if removed:
                    runner.logger.info(
                        f'removed from {folder}, left half-written by a run that was killed: {", ".join(removed)}'
                    )

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        hub = checkpoint.get('message_hub')
        if hub is not None:
            checkpoint['message_hub'] = dict(
                log_scalars={key: plain_history(buffer) for key, buffer in hub['log_scalars'].items()},
                runtime_info=plain_entries(hub['runtime_info']),
                resumed_keys=dict(hub['resumed_keys']),
            )
        checkpoint['meta'] = plain_entries(checkpoint['meta'])

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        hub = checkpoint.get('message_hub')
        if hub is not None:
            hub['log_scalars'] = {
                key: HistoryBuffer(value['log'], value['count']) if isinstance(value, dict) else value
                for key, value in hub['log_scalars'].items()
            }
            known = hub['log_scalars'].keys() | hub['runtime_info'].keys()
            # Checkpoints may come from strangers: these entries name files that are to be removed.
            info = hub['runtime_info']
            if 'keep_ckpt_ids' in info:
                info['keep_ckpt_ids'] = [step for step in info['keep_ckpt_ids'] if type(step) is int]
            if 'outdated_ckpts' in info:
                info['outdated_ckpts'] = [name for name in info['outdated_ckpts'] if CHECKPOINT.fullmatch(str(name))]
            hub['resumed_keys'] = {key: value for key, value in hub['resumed_keys'].items() if key in known}

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict, outdated: Sequence[str] = ()) -> None:
        """Save the state of training; then remove the files named in ``outdated``, and checkpoints beyond
        ``max_keep_ckpts``. A model with NaN or infinite values is not saved: it would replace the last good one."""
        spoiled = not_finite(runner.model)
        if spoiled:
            runner.logger.warning(
                f'no checkpoint is written: NaN or infinite numbers in {len(spoiled)} parts of the model, '
                f'the first of them {spoiled[0]}'
            )
            return
        outdated = list(outdated)
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            too_many = max(0, len(self.keep_ckpt_ids) + 1 - self.max_keep_ckpts)
            outdated += [self.filename_tmpl.format(old) for old in list(self.keep_ckpt_ids)[:too_many]]
            self.keep_ckpt_ids.append(step)  # a deque that forgets the oldest
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        path = osp.join(self.out_dir, self.filename_tmpl.format(step))
        self.last_ckpt = path
        runner.message_hub.update_info('last_ckpt', path)
        runner.message_hub.update_info('outdated_ckpts', outdated)
        self._write(runner, path, meta, self.by_epoch, self.save_optimizer, self.save_param_scheduler)
        if is_main_process():
            write_pointer(runner.work_dir, path, what_is_safe(runner.work_dir))
            self._remove(outdated)

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        """Write a new best checkpoint where a metric has improved. The old one stays until the new one is in place and
        is recorded in the checkpoint that training resumes from."""
        if not self.save_best:
            return
        step = runner.epoch if self.by_epoch else runner.iter
        meta = dict(epoch=runner.epoch, iter=runner.iter)
        if 'auto' in self.key_indicators:
            self._init_rule(self.rules, [next(iter(metrics))])
        hub, is_only, outdated, improved = runner.message_hub, len(self.key_indicators) == 1, [], False
        for key, rule in zip(self.key_indicators, self.rules):
            ending = '' if is_only else f'_{key}'
            best = hub.runtime_info.get(f'best_score{ending}', self.init_value_map[rule])
            score = metrics[key]
            if score is None or not self.is_better_than[key](score, best):
                continue
            path = osp.join(self.out_dir, f'best_{key}_{self.filename_tmpl.format(step)}'.replace('/', '_'))
            old = self.best_ckpt_path if is_only else self.best_ckpt_path_dict[key]
            if old and old != path:
                outdated.append(osp.basename(old))
            if is_only:
                self.best_ckpt_path = path
            else:
                self.best_ckpt_path_dict[key] = path
            hub.update_info(f'best_score{ending}', score)
            hub.update_info(f'best_ckpt{ending}', path)
            self._write(runner, path, dict(meta), by_epoch=False)
            runner.logger.info(f'the best checkpoint by {key}, {float(score):.4f}, is {osp.basename(path)}')
            improved = True
        if not improved:
            return
        if self.last_ckpt is not None:
            self._save_checkpoint_with_step(runner, step, meta, outdated)
        elif is_main_process():
            self._remove(outdated)

    def _publish_model(self, runner, ckpt_path: str) -> None:
        """Write a copy with the ``published_keys`` alone, named by the start of its SHA-256."""
        if not is_main_process():
            return
        content = plain_bytes(
            {key: value for key, value in read_checkpoint(ckpt_path).items() if key in self.published_keys}
        )
        path = f'{osp.splitext(ckpt_path)[0]}-{hashlib.sha256(content).hexdigest()[:8]}.pth'
        with whole_file(path, flush=True, safe=what_is_safe(runner.work_dir)) as temporary:
            temporary.write_bytes(content)
        runner.logger.info(f'{ckpt_path} is published as {path}')

    def _checkpoint_to_resume(self, runner) -> tuple[str | None, str | None]:
        """The checkpoint to resume from, or None for a new start; and the error that prevents both, or None."""
        folder = runner.work_dir
        if self.out_dir not in (None, folder):
            folder = osp.join(self.out_dir, osp.basename(folder.rstrip(osp.sep)))
        named, reasons = runner._load_from, list[str]()
        try:
            if named is None:
                path, reasons = newest_whole(runner.work_dir, folder)
            else:
                path = named
                if '://' not in named:
                    iterations_in(named)
        except CheckpointError as error:
            return None, str(error)
        if reasons:
            runner.logger.warning('passed over: ' + '; '.join(reasons))
        runner.logger.info(
            f'training starts: there is no checkpoint in {folder} to go on from'
            if path is None
            else f'training goes on from {path}'
        )
        return path, None

    def _write(
        self, runner, path: str, meta: dict, by_epoch: bool, optimizer: bool = False, schedules: bool = False
    ) -> None:
        if not is_main_process():
            return
        settings = dict(meta=meta, by_epoch=by_epoch, save_optimizer=optimizer, save_param_scheduler=schedules)
        with whole_file(path, flush=True, safe=what_is_safe(runner.work_dir)) as temporary:
            runner.save_checkpoint(str(temporary.parent), temporary.name, backend_args=self.backend_args, **settings)

    def _remove(self, names: Sequence[str]) -> None:
        for path in (osp.join(self.out_dir, name) for name in names):
            if osp.isfile(path):
                os.remove(path)


def what_is_safe(work_dir: str) -> str:
    """For the error of a full disk: which checkpoint is left."""
    last = read_pointer(work_dir)
    if not last or not osp.isfile(last):
        return 'No checkpoint was saved before it'
    return f'The last whole checkpoint is {last}; when there is room again, go on from it with --resume'


def plain_history(buffer: HistoryBuffer | dict) -> dict:
    """A logged history as lists; a second hook of this kind finds a dict already."""
    if isinstance(buffer, dict):
        return buffer
    log, count = (numbers.astype(float).tolist() for numbers in buffer.data)
    return dict(log=log, count=count)


def plain_entries(entries: dict) -> dict:
    """The entries of plain types. NumPy numbers, such as metrics, become Python's."""
    entries = {key: value.item() if isinstance(value, np.generic) else value for key, value in entries.items()}
    return {key: value for key, value in entries.items() if is_plain(value)}


def is_plain(value) -> bool:
    """Whether ``torch.load(weights_only=True)`` reads a value."""
    if isinstance(value, dict):
        return type(value) is dict and all(is_plain(key) and is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set)):
        return all(is_plain(item) for item in value)
    return value is None or type(value) in (bool, int, float, str, bytes) or isinstance(value, torch.Tensor)
