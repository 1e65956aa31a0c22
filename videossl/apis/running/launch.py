"""From a config file and command-line arguments to a runner."""

import argparse
import ctypes
import difflib
import inspect
import os
import os.path as osp
import platform
from datetime import timedelta
from typing import Any

import torch
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from videossl.cores import available_cores
from videossl.errors import ConfigError
from videossl.wrappers import innermost_dataset

RUNNER_KEYS = set(inspect.signature(Runner.__init__).parameters) - {'self'} | {
    'custom_imports',
    'env_cfg',
    'log_level',
    'launcher',
    'compile',
    'activation_checkpointing',
    'runner_type',
    'efficient_conv_bn_eval',
    'model_wrapper_cfg',
    'sync_bn',
    'find_unused_parameters',
    'resource_limit',
}
MMENGINE_HOOKS = {'runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'}
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that training and testing share, as mmaction2's tools have them, and where the data is."""
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
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def load_config(path: str, options: dict | None = None) -> Config:
    """Read a config file, apply overrides, and look for misspelt keys.

    Raises:
        ConfigError: no such file, or a key that is probably or certainly misspelt.
    """
    if osp.isdir(path):
        raise ConfigError(f'{path} is a folder; name a config in it')
    if not osp.isfile(path):
        folder = osp.dirname(path) or '.'
        near = difflib.get_close_matches(osp.basename(path), os.listdir(folder) if osp.isdir(folder) else [], n=1)
        hint = f'; did you mean {osp.join(folder, near[0])}?' if near else ''
        raise ConfigError(f'there is no config {path}{hint}')
    if not path.endswith(('.py', '.yml', '.yaml', '.json')):
        raise ConfigError(f'{path} is no config: those end in .py (or .yml, .yaml, .json)')
    config = Config.fromfile(path)
    for key in config:
        near = difflib.get_close_matches(key, RUNNER_KEYS, n=1, cutoff=0.78)
        if key not in RUNNER_KEYS and near:
            raise ConfigError(f'{path}: there is no key "{key}"; did you mean "{near[0]}"?')
    for key in options or {}:
        check_option(config, key)
    config.merge_from_dict(options or {})
    return config


def check_option(config: Config, key: str) -> None:
    """Refuse an override whose place in the config does not exist.

    The last part of the key may be new where its parent is built from a registry: whoever is built refuses what it does
    not know.
    """
    parts = key.split('.')
    place = config._cfg_dict
    if parts[0] not in RUNNER_KEYS and isinstance(place.get(parts[0]), (dict, list)):
        copies = [path for path in equal_places(place, place[parts[0]]) if path != parts[0]]
        if copies:
            raise ConfigError(
                f'--cfg-options {key} would change nothing: when the config was read, "{parts[0]}" was copied to '
                f'where it is used; set {" ".join(".".join([path, *parts[1:]]) + "=..." for path in copies)}'
            )
    for depth, part in enumerate(parts):
        if isinstance(place, (list, tuple)):
            if not part.isdigit() or int(part) >= len(place):
                raise ConfigError(
                    f'--cfg-options {key}: "{".".join(parts[:depth])}" is a list of {len(place)} '
                    f'entries, counted from 0; "{part}" is none of them'
                )
            place = place[int(part)]
            continue
        if not isinstance(place, dict):
            raise ConfigError(f'--cfg-options {key}: "{".".join(parts[:depth])}" is {place!r}, which has no keys')
        known = set(place)
        if depth == 0:
            known |= RUNNER_KEYS
        last = depth == len(parts) - 1
        if part not in known and not (last and depth > 0):
            near = difflib.get_close_matches(part, known, n=1)
            where = f'in "{".".join(parts[:depth])}"' if depth else 'in the config'
            raise ConfigError(
                f'--cfg-options {key}: there is no key "{part}" {where}'
                + (f'; did you mean "{near[0]}"?' if near else f', which has {sorted(known)}')
            )
        if last and part not in known:
            near = difflib.get_close_matches(part, known, n=1, cutoff=0.8)
            if near:
                raise ConfigError(
                    f'--cfg-options {key}: there is no key "{part}" in "{".".join(parts[:depth])}"; '
                    f'did you mean "{near[0]}"?'
                )
        place = place.get(part, {})


def equal_places(place: Any, value: Any, path: str = '') -> list[str]:
    """The keys, with dots, below which a config has this value."""
    if path and place == value:
        return [path]
    items = place.items() if isinstance(place, dict) else enumerate(place) if isinstance(place, (list, tuple)) else ()
    return [found for key, entry in items for found in equal_places(entry, value, f'{path}.{key}'.lstrip('.'))]


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
    """Let validation read other videos: those of its own list, or, where a part of the training list is held out for it,
    of that list and no other, so that the parts stay disjoint and nothing is chosen on a test split."""
    if innermost_dataset(dataloader.dataset).get('hold_out') is not None:
        own_list = train_list
    point_at_data(dataloader, data_root, own_list)


def finish_config(config: Config, args: argparse.Namespace) -> Config:
    """Everything that training and testing set alike, after the data."""
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
    if args.launcher != 'none' and not torch.cuda.is_available():
        use_gloo(config, args.launcher)
    return config


def refuse_undone_list(args: argparse.Namespace) -> None:
    """Refuse a list among the options where :func:`point_at_data` has already put a whole folder in its place."""
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


def leave_out_hooks(config: Config) -> None:
    """Let ``default_hooks.NAME=None`` take out a hook of ours, as mmengine does with its own."""
    hooks = config.get('default_hooks') or {}
    for name in [name for name, hook in hooks.items() if hook is None and name not in MMENGINE_HOOKS]:
        hooks.pop(name)


def use_mixed_precision(config: Config) -> None:
    """``--amp``: bf16 where the device computes in it, also slowly; fp16 with loss scaling on older GPUs."""
    precision = 'bf16'
    if torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False):
        precision = 'fp16'
        if config.get('optim_wrapper') is not None:  # not so in testing
            config.optim_wrapper.type = 'AmpOptimWrapper'
            config.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if config.get('default_hooks') is None:
        config.default_hooks = {}
    config.default_hooks.setdefault('precision', dict(type='videossl.PrecisionHook'))
    config.default_hooks.precision.precision = precision


def use_compile(config: Config) -> None:
    """``compile=True``, or a dict of torch.compile's options: the backbones are compiled, in the place of mmengine's
    ``compile``, which would compile the iteration as a whole, log and optimiser included."""
    options = config.pop('compile', None)
    if not options:
        return
    if options is not True and not isinstance(options, dict):
        raise ConfigError(f'compile must be True, or a dict of options of torch.compile, got {options!r}')
    if config.get('default_hooks') is None:
        config.default_hooks = {}
    config.default_hooks.compile = dict(type='videossl.CompileHook', **({} if options is True else options))


def share_cores(loader: ConfigDict, name: str, asked: bool = False) -> int:
    """Fit the number of workers to the machine, and say so where that changes it.

    Without an accelerator the cores are needed for the training step, and one busy worker beside it slows it several
    times: a quarter of the cores goes to workers, none where there are fewer than four. With one, all but one may.

    Args:
        loader: the loader's settings; changed in place.
        name: of the loader, for the log.
        asked: the user has named this number in the command line, and gets it.

    Returns:
        cores of this process that its workers leave to computing, at least 1.
    """
    wanted = loader.get('num_workers', 0)
    cores = cores_of_process()
    on_cpu = get_device() == 'cpu'
    workers = wanted if asked else min(wanted, cores // 4 if on_cpu else max(cores - 1, 0))
    if workers < wanted:
        remedy = f'; --cfg-options {name}_dataloader.num_workers={wanted} asks for them all the same'
        print_log(
            f'{name}: {workers} loader workers instead of {wanted}, on {cores} cores and {get_device()}'
            + (remedy if name in ('train', 'val', 'test') else ''),
            logger='current',
        )
    loader.num_workers = workers
    if workers == 0:
        loader.persistent_workers = False
        loader.pop('prefetch_factor', None)
    if on_cpu:
        loader.pin_memory = False
    return max(cores - workers, 1)


def cores_of_process() -> int:
    """Cores that this process may use; torchrun's processes on this machine share them."""
    return max(available_cores() // int(os.environ.get('LOCAL_WORLD_SIZE', 1)), 1)


def share_threads(cores: int) -> None:
    """On a CPU, compute with as many threads as workers leave cores: threads that wait for each other at the end of each
    layer are slowed several times by one that has to share its core. ``OMP_NUM_THREADS``, where it is set, decides."""
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
    """Let memory that is freed stay with the process, and with loader workers that it starts.

    What a step or a sample needs is freed and asked for again by the next one. glibc returns large pieces to the system
    each time, which clears every page of them when it is touched anew: that is a tenth of R3D's step on a CPU, and a fifth
    of R(2+1)D's step and of a sample. Memory that many sizes have scattered may add up to more this way. Whoever has chosen
    something for the allocator in the environment is left alone, as is every other C library.
    """
    chosen = any(name.startswith(('MALLOC_', 'GLIBC_TUNABLES', 'LD_PRELOAD')) for name in os.environ)
    if not chosen:
        set_allocator(mmap_threshold=2**30, trim_threshold=2**31 - 1)


def set_allocator(mmap_threshold: int, trim_threshold: int) -> None:
    """From how many bytes on glibc takes a piece from the system and gives it back by itself, and how many free bytes it
    keeps; nothing with another C library."""
    if platform.libc_ver()[0] == 'glibc':
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, mmap_threshold)
        mallopt(M_TRIM_THRESHOLD, trim_threshold)


def use_gloo(config: Config, launcher: str) -> None:
    """Several processes on CPUs. mmengine 0.10.7's set-up touches torch.cuda, and its default wrapper names a device;
    so the group is made here, and the wrapper told otherwise. A process that dies ends the run at once; one that hangs
    ends it after ``env_cfg.dist_cfg.timeout`` seconds, as with GPUs, or torch's 30 minutes."""
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
    """mmengine's runner, or the one that ``runner_type`` names."""
    return RUNNERS.build(config) if 'runner_type' in config else Runner.from_cfg(config)
