"""A training that is killed and resumed, against one without a break."""

import os
import os.path as osp
import re
import signal
import subprocess
import sys
import time

import torch

from videossl.checkpoints import read_checkpoint
from videossl.compat import config_directory

from .methods import WIDTH, Method, Place

PATIENCE = 300  # seconds for a run
EPOCHS = 3


def command(method: Method, place: Place, folder: str, samples: int, *further: str) -> list[str]:
    """The command line of a run of some epochs."""
    options = [f'train_cfg.max_epochs={EPOCHS}', f'train_dataloader.batch_size={samples}']
    options += ['train_dataloader.sampler.repeats=1', 'log_level=WARNING']
    options += [f'train_dataloader.num_workers={place.workers}']
    if place.width != WIDTH:
        options.append(f'model.backbone.base_channels={place.width}')
        options.append(f'model.necks.projection.in_channels={8 * place.width}')
    train = [sys.executable, '-c', 'from videossl.apis.running.train import command; command()']
    data = ['--data-root', place.videos, '--ann-file', 'train.txt', '--work-dir', folder]
    exact = ['--seed', '0', '--deterministic']
    return [*train, osp.join(config_directory(), method.config), *data, *exact, *further, '--cfg-options', *options]


def resuming(method: Method, place: Place) -> dict:
    """Run three epochs; run them again, killed after the first; resume.

    Returns:
        ``identical``, whether the last checkpoints' weights are the same to the bit; ``largest_difference`` of a weight;
        ``killed_after``: name of the last checkpoint before the kill; ``ok``: identical.
    """
    # cuBLAS is deterministic only with a workspace of fixed size.
    environment = dict(os.environ, CUBLAS_WORKSPACE_CONFIG=':4096:8')
    samples = min(8, place.batch)
    folders = {name: osp.join(place.scratch, name) for name in ('whole', 'broken')}
    _run(command(method, place, folders['whole'], samples), environment)
    killed_after = _run_and_kill(command(method, place, folders['broken'], samples), environment, folders['broken'])
    _run(command(method, place, folders['broken'], samples, '--resume'), environment)
    whole, broken = (_weights(folder) for folder in folders.values())
    differences = {
        name: float((tensor.double() - broken[name].double()).abs().max())
        for name, tensor in whole.items()
        if tensor.numel()
    }
    identical = whole.keys() == broken.keys() and all(
        torch.equal(tensor, broken[name]) for name, tensor in whole.items()
    )
    return dict(
        identical=identical,
        largest_difference=max(differences.values()),
        killed_after=killed_after,
        tensors=len(whole),
        ok=identical,
    )


def _run(arguments: list[str], environment: dict) -> None:
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    if ended.returncode:
        raise RuntimeError(f'a training ended with status {ended.returncode}: {ended.stderr[-2000:]}')


def _run_and_kill(arguments: list[str], environment: dict, folder: str) -> str:
    """Start a run, and kill it as soon as its first checkpoint is there."""
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        while not (found := _checkpoints(folder)) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    if not found:
        raise RuntimeError('the run to be killed has written no checkpoint')
    if osp.basename(found[-1]) == f'epoch_{EPOCHS}.pth':
        raise RuntimeError('the run to be killed was at its end already')
    return osp.basename(found[-1])


def _checkpoints(folder: str) -> list[str]:
    names = os.listdir(folder) if osp.isdir(folder) else []
    numbers = {int(found[1]): name for name in names if (found := re.fullmatch(r'epoch_(\d+)\.pth', name))}
    return [osp.join(folder, numbers[number]) for number in sorted(numbers)]


def _weights(folder: str) -> dict[str, torch.Tensor]:
    return read_checkpoint(osp.join(folder, f'epoch_{EPOCHS}.pth'))['state_dict']
