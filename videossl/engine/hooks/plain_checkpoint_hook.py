"""Checkpoints of plain types, written whole or not at all."""
import os
import os.path as osp

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer

from videossl.registry import HOOKS


@HOOKS.register_module()
class PlainCheckpointHook(CheckpointHook):
    """mmengine's checkpoint hook, with two differences.

    Only plain types go in, so that ``torch.load(weights_only=True)``, the default since torch 2.6, can read them:
    mmengine 0.10.7 puts its logging history in as objects, and then cannot resume from its own files
    (open-mmlab/mmengine#1655).

    A checkpoint is written to a temporary name, flushed to the disk and renamed; older ones are removed only then. A
    run killed at any moment leaves the last whole checkpoint.

    Arguments: mmengine's.
    """

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        hub = checkpoint.get('message_hub')
        if hub is not None:
            checkpoint['message_hub'] = dict(
                log_scalars={
                    key: dict(log=[float(value) for value in buffer.data[0]],
                              count=[float(value) for value in buffer.data[1]])
                    for key, buffer in hub['log_scalars'].items()
                },
                runtime_info=plain_entries(hub['runtime_info']),
                resumed_keys=dict(hub['resumed_keys']))
        checkpoint['meta'] = plain_entries(checkpoint['meta'])

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        hub = checkpoint.get('message_hub')
        if hub is not None:
            hub['log_scalars'] = {
                key: HistoryBuffer(value['log'], value['count']) if isinstance(value, dict) else value
                for key, value in hub['log_scalars'].items()
            }
            known = hub['log_scalars'].keys() | hub['runtime_info'].keys()
            hub['resumed_keys'] = {key: value for key, value in hub['resumed_keys'].items() if key in known}

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        keep = self.max_keep_ckpts > 0
        outdated = []
        if keep and step not in self.keep_ckpt_ids:
            outdated = list(self.keep_ckpt_ids)[:max(0, len(self.keep_ckpt_ids) + 1 - self.max_keep_ckpts)]
            self.keep_ckpt_ids.append(step)  # a deque that forgets the oldest
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        path = osp.join(self.out_dir, self.filename_tmpl.format(step))
        self.last_ckpt = path
        runner.message_hub.update_info('last_ckpt', path)
        runner.save_checkpoint(
            self.out_dir,
            osp.basename(path) + '.part',
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args)
        if not is_main_process():
            return
        put_in_place(path + '.part', path)
        pointer = osp.join(runner.work_dir, 'last_checkpoint')
        with open(pointer + '.part', 'w') as file:
            file.write(path)
        put_in_place(pointer + '.part', pointer)
        for old in outdated:
            old_path = osp.join(self.out_dir, self.filename_tmpl.format(old))
            if osp.isfile(old_path):
                os.remove(old_path)


def put_in_place(temporary: str, final: str) -> None:
    """Give a written file its name, after its bytes are on the disk."""
    with open(temporary, 'rb+') as file:
        os.fsync(file.fileno())
    os.replace(temporary, final)


def plain_entries(entries: dict) -> dict:
    """The entries of plain types; NumPy's numbers, which metrics are, become Python's."""
    entries = {key: value.item() if isinstance(value, np.generic) else value for key, value in entries.items()}
    return {key: value for key, value in entries.items() if is_plain(value)}


def is_plain(value) -> bool:
    """Whether ``torch.load(weights_only=True)`` reads this."""
    if isinstance(value, dict):
        return type(value) is dict and all(is_plain(key) and is_plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set)):
        return all(is_plain(item) for item in value)
    return value is None or type(value) in (bool, int, float, str, bytes) or isinstance(value, torch.Tensor)
