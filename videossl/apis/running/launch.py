"""Turns a config file and command-line arguments into a runner."""

import argparse
import ctypes
import inspect
import os
import os.path as osp
import platform
from datetime import timedelta

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from videossl.cores import cores_of_process, share_cores
from videossl.datasets.annotations import no_list
from videossl.errors import ConfigError, MissingFile, UserError
from videossl.wrappers import innermost_dataset

from .check_config import MMENGINE_HOOKS

# Seconds that a process waits for another, which may evaluate features alone. torch's 10 minutes with NCCL are too short for
# that, its 30 with gloo may be. Two hours are a guess.
PATIENCE = 7200
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that training and testing share: those of mmaction2's tools, and the data."""
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; default: work_dirs/NAME_OF_CONFIG')
    parser.add_argument('--data-root', help='folder of videos; alone, it is scanned recursively')
    parser.add_argument('--ann-file', help='list of videos, relative to --data-root')
    parser.add_argument('--amp', action='store_true', help='mixed precision also where the default finds fp32 better')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override settings of the config, e.g. train_dataloader.batch_size=8; lists as key="[a,b]" or key=a,b',
    )
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='job launcher')
    parser.add_argument('--debug', action='store_true', help='show the full traceback of every error')
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help='set by the launcher')


def point_at_data(dataloader: ConfigDict, data_root: str | None, ann_file: str | None) -> None:
    """Let a loader read other videos: a folder, a list below it, or (``data_root`` alone) all videos of a folder."""
    if data_root is None and ann_file is None:
        return
    dataset = innermost_dataset(dataloader.dataset)
    if 'datasets' in dataset:
        raise ConfigError(
            f'--data-root and --ann-file cannot say which part of {dataset.get("type")} they mean; '
            'set e.g. train_dataloader.dataset.datasets.0.data_root with --cfg-options'
        )
    if data_root is not None:
        dataset.data_root = data_root
        dataset.data_prefix = dict(video='')
        dataset.ann_file = None
    if ann_file is not None:
        dataset.ann_file = ann_file


def point_at_validation(
    dataloader: ConfigDict, data_root: str | None, train_list: str | None, own_list: str | None
) -> None:
    """Let validation read other videos: those of its own list.

    Where validation uses a held-out part of the training list, it reads the training list, so that the parts stay disjoint
    and no checkpoint is chosen on a test split.
    """
    if innermost_dataset(dataloader.dataset).get('hold_out') is not None:
        own_list = train_list
    point_at_data(dataloader, data_root, own_list)


def finish_config(config: Config, args: argparse.Namespace) -> Config:
    """Set what training and testing share, after the data: work folder, hooks, precision, workers, threads, launcher."""
    refuse_undone_list(args)
    config.launcher = args.launcher
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if args.work_dir is not None:
        config.work_dir = args.work_dir
    elif config.get('work_dir') is None:
        config.work_dir = osp.join('work_dirs', osp.splitext(osp.basename(args.config))[0])
    leave_out_hooks(config)
    if args.amp:
        use_mixed_precision(config)
    use_compile(config)
    num_classes = config.get('model', {}).get('cls_head', {}).get('num_classes')
    for name in ('train', 'val', 'test'):
        loader = config.get(f'{name}_dataloader')
        if loader is None:
            continue
        dataset = innermost_dataset(loader.dataset)
        if num_classes is not None and dataset.get('type') in ('VideoDataset', 'videossl.VideoDataset'):
            dataset.num_classes = num_classes
        asked = f'{name}_dataloader.num_workers' in (args.cfg_options or {})
        cores = share_cores(loader, name, asked)
        if name == 'train':
            share_threads(cores)
    keep_freed_memory()
    if args.launcher != 'none':
        wait_for_evaluations(config)
        if not torch.cuda.is_available():
            use_gloo(config, args.launcher)
    return config


def refuse_undone_list(args: argparse.Namespace) -> None:
    """Refuse a list in ``--cfg-options`` that ``--data-root`` without ``--ann-file`` overrides."""
    undone = next(
        (
            key
            for key in args.cfg_options or {}
            if key.startswith(('train_dataloader.', 'test_dataloader.')) and key.endswith('.ann_file')
        ),
        None,
    )
    if undone and getattr(args, 'data_root', None) and not getattr(args, 'ann_file', None):
        raise ConfigError(
            f'--cfg-options {undone} is undone by --data-root, which takes all videos of the folder; name the '
            'list with --ann-file'
        )


def refuse_missing_list(dataloader: ConfigDict | None) -> None:
    """Refuse a loader's list that does not exist, before the hundreds of lines that a runner logs of itself.

    Raises:
        MissingFile: there is no such list; the message says where it was looked for.
    """
    if dataloader is None:
        return
    dataset = innermost_dataset(dataloader.dataset)
    if dataset.get('type') not in ('VideoDataset', 'videossl.VideoDataset'):
        return
    name, root = dataset.get('ann_file'), dataset.get('data_root')
    if not name or '://' in name or osp.isfile(osp.join(root or '', name)):
        return
    if not root or osp.isabs(name):
        raise MissingFile(no_list(name))
    here = f'; {name} from this folder is {osp.abspath(name)}, name it so' if osp.isfile(name) else ''
    raise MissingFile(f'{no_list(osp.join(root, name))}. A list is looked for below the folder of the videos{here}')


def leave_out_hooks(config: Config) -> None:
    """Let ``default_hooks.NAME=None`` remove a hook of ours, as mmengine does with its own hooks."""
    hooks = config.get('default_hooks') or {}
    for name in [name for name, hook in hooks.items() if hook is None and name not in MMENGINE_HOOKS]:
        hooks.pop(name)


def use_mixed_precision(config: Config) -> None:
    """``--amp``: bf16, also where the device only emulates it; fp16 with loss scaling on older GPUs."""
    precision = 'bf16'
    if torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False):
        precision = 'fp16'
        if config.get('optim_wrapper') is not None:  # a test has none
            config.optim_wrapper.type = 'AmpOptimWrapper'
            config.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if config.get('default_hooks') is None:
        config.default_hooks = {}
    config.default_hooks.setdefault('precision', dict(type='videossl.PrecisionHook'))
    config.default_hooks.precision.precision = precision


def use_compile(config: Config) -> None:
    """Compile the backbones where the config has ``compile=True`` or a dict of torch.compile's options.

    This replaces mmengine's ``compile``, which would compile the whole iteration, log and optimiser included.
    """
    options = config.pop('compile', None)
    if not options:
        return
    if options is not True and not isinstance(options, dict):
        raise ConfigError(f'compile must be True, or a dict of options of torch.compile, got {options!r}')
    if config.get('default_hooks') is None:
        config.default_hooks = {}
    config.default_hooks.compile = dict(type='videossl.CompileHook', **({} if options is True else options))


def share_threads(cores: int) -> None:
    """On a CPU, compute with one thread for each core that the workers leave; ``OMP_NUM_THREADS`` takes precedence.

    Threads wait for each other at the end of each layer, so one thread that shares its core slows all of them several times.
    """
    if get_device() != 'cpu':
        return
    if 'OMP_NUM_THREADS' not in os.environ and torch.get_num_threads() > cores:
        torch.set_num_threads(cores)
    print_log(
        f'threads that compute: {torch.get_num_threads()}, on {cores_of_process()} cores; OMP_NUM_THREADS sets another '
        'number',
        logger='current',
    )


def keep_freed_memory() -> None:
    """Keep freed memory in this process and in the loader workers that it starts.

    Each step and each sample allocates what the one before has freed. glibc returns large blocks to the system each time,
    and the system clears every page of a new block: a tenth of R3D's step on a CPU, a fifth of R(2+1)D's step and of a
    sample. Fragmented memory may then add up to more. Nothing changes where the environment configures the allocator, or
    with another C library.
    """
    chosen = any(name.startswith(('MALLOC_', 'GLIBC_TUNABLES', 'LD_PRELOAD')) for name in os.environ)
    if not chosen:
        set_allocator(mmap_threshold=2**30, trim_threshold=2**31 - 1)


def set_allocator(mmap_threshold: int, trim_threshold: int) -> None:
    """Configure glibc's allocator; no effect with another C library.

    Args:
        mmap_threshold: bytes from which on a block is taken from the system on its own, and returned when it is freed.
        trim_threshold: free bytes that are kept.
    """
    if platform.libc_ver()[0] == 'glibc':
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, mmap_threshold)
        mallopt(M_TRIM_THRESHOLD, trim_threshold)


def wait_for_evaluations(config: Config) -> None:
    """Set ``env_cfg.dist_cfg.timeout``, where the config does not.

    It is not set in the configs: recipes and studies compare a stage's config with that of the stage that their folder holds.
    """
    environment = config.get('env_cfg') or ConfigDict()
    environment.dist_cfg = ConfigDict(timeout=PATIENCE) | (environment.get('dist_cfg') or {})
    config.env_cfg = environment


def use_gloo(config: Config, launcher: str) -> None:
    """Set up several processes on CPUs.

    mmengine 0.10.7's own set-up calls torch.cuda, and its default wrapper names a device. A process that dies ends the run at
    once; a process that hangs ends it after ``env_cfg.dist_cfg.timeout`` seconds, as with GPUs.
    """
    if launcher != 'pytorch':
        raise ConfigError(
            f'several processes without GPUs need --launcher pytorch (tools/dist_train.sh), not {launcher}'
        )
    if not torch.distributed.is_initialized():
        seconds = ((config.get('env_cfg') or {}).get('dist_cfg') or {}).get('timeout')
        torch.distributed.init_process_group('gloo', timeout=None if seconds is None else timedelta(seconds=seconds))
    # Each process keeps the batch-norm statistics of its own clips. torch 2.13 has renamed the option.
    arguments = inspect.signature(torch.nn.parallel.DistributedDataParallel).parameters
    option = 'forward_sync_buffers' if 'forward_sync_buffers' in arguments else 'broadcast_buffers'
    config.model_wrapper_cfg = dict(type='MMDistributedDataParallel', device_ids=None, **{option: False})


def build_runner(config: Config) -> Runner:
    """Build mmengine's runner, or the runner that ``runner_type`` names.

    Raises:
        ConfigError: the runner refuses the config, for example one with only a part of the settings of validation.
    """
    try:
        return RUNNERS.build(config) if 'runner_type' in config else Runner.from_cfg(config)
    except UserError:
        raise
    except ValueError as error:
        raise ConfigError(str(error)) from error
