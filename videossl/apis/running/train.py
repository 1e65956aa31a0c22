"""Trains a model from a config file."""

import argparse
import os
import os.path as osp
import signal
import sys
from contextlib import nullcontext

from mmengine.config import ConfigDict

from videossl.apis.commands import remember_command
from videossl.apis.user_errors import building, run_command
from videossl.config_files import load_config
from videossl.errors import ConfigError
from videossl.folder_lock import folder_lock
from videossl.processes import end_with_parent
from videossl.wrappers import innermost_dataset

from .check_config import check_config
from .check_shapes import check_first_shapes
from .check_training import check_training
from .launch import (
    add_common_arguments,
    build_runner,
    finish_config,
    point_at_data,
    point_at_validation,
    refuse_missing_list,
)
from .rehearsal import rehearse


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train: pretraining or fine-tuning, as the config says.')
    parser.add_argument('config', help='config file')
    add_common_arguments(parser)
    parser.add_argument('--val-ann-file', help='list of videos for validation, for configs that validate')
    parser.add_argument('--init-from', metavar='CHECKPOINT', help='start from the backbone of another stage')
    parser.add_argument(
        '--resume', nargs='?', const='auto', help='go on from this checkpoint, or from the latest in the work folder'
    )
    parser.add_argument('--no-validate', action='store_true', help='do not validate during training')
    parser.add_argument('--auto-scale-lr', action='store_true', help='scale the learning rate with the batch size')
    parser.add_argument('--seed', type=int, help='random seed')
    parser.add_argument('--diff-rank-seed', action='store_true', help='another seed on each rank')
    parser.add_argument('--deterministic', action='store_true', help='deterministic algorithms only')
    argv = list(sys.argv[1:] if argv is None else argv)
    for index, (option, value) in enumerate(zip(argv, argv[1:])):
        if option == '--resume' and value.endswith('.py'):  # the config, which argparse would take for the checkpoint
            argv[index] = '--resume=auto'
    return parser.parse_args(argv)


def config_for_training(args: argparse.Namespace) -> ConfigDict:
    """The config with the arguments merged in."""
    config = load_config(args.config, args.cfg_options)
    if config.get('train_dataloader') is None:
        raise ConfigError(
            f'{args.config} has no train_dataloader: there is nothing to train on. To test a checkpoint '
            'use videossl test'
        )
    for option, checkpoint in (('--resume', args.resume), ('--init-from', args.init_from)):
        if checkpoint not in (None, 'auto') and '://' not in checkpoint and not osp.isfile(checkpoint):
            raise ConfigError(f'{option}: there is no checkpoint {checkpoint}')
    if args.no_validate:
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
        ((config.get('default_hooks') or {}).get('checkpoint') or {}).pop('save_best', None)
    check_config(config)
    point_at_data(config.train_dataloader, args.data_root, args.ann_file)
    if config.get('val_dataloader') is not None:
        if args.val_ann_file is not None and innermost_dataset(config.val_dataloader.dataset).get('hold_out'):
            raise ConfigError(
                f'--val-ann-file: {args.config} validates on a part of the training list that is held out '
                'of training; leave the option out'
            )
        point_at_validation(config.val_dataloader, args.data_root, args.ann_file, args.val_ann_file)
    elif args.val_ann_file is not None and not args.no_validate:
        raise ConfigError(
            f'--val-ann-file: {args.config} does not validate during training; test afterwards with '
            'videossl test --ann-file'
        )
    if args.init_from is not None:
        config.custom_hooks = [
            *config.get('custom_hooks', []),
            dict(type='videossl.HandOffHook', checkpoint=args.init_from),
        ]
    if args.resume is not None:
        config.resume = True
        config.load_from = None if args.resume == 'auto' else args.resume
    make_resumable(config)
    if args.auto_scale_lr:
        config.auto_scale_lr = dict(config.get('auto_scale_lr') or {}, enable=True)
    randomness = dict(config.get('randomness') or dict(seed=None))  # mmengine wants the key
    if args.seed is not None:
        randomness['seed'] = args.seed
    if args.diff_rank_seed:
        randomness['diff_rank_seed'] = True
    if args.deterministic:
        randomness['deterministic'] = True
    config.randomness = randomness
    return finish_config(config, args)


def main(argv: list[str] | None = None) -> None:
    """Train; errors are raised as they are."""
    config = config_for_training(parse_args(argv))
    for name in ('train_dataloader', 'val_dataloader'):
        refuse_missing_list(config.get(name))
    # One of several processes holds the lock for all of them.
    first = int(os.environ.get('RANK', 0)) == 0
    lock = folder_lock(config.work_dir, 'training') if first else nullcontext()
    if config.get('launcher') == 'pytorch':
        end_with_parent(signal.SIGTERM)  # save and end where torchrun has been killed
    with lock, building(config):
        if first:
            remember_command(config.work_dir, 'train', sys.argv[1:] if argv is None else argv)
        runner = build_runner(config)
        check_training(runner)
        rehearse(runner, config)
        check_first_shapes(runner, config)
        runner.train()


RESUMABLE_HOOKS = dict(exact_resume='ExactResumeHook', save_and_stop='SaveAndStopHook')


def make_resumable(config: ConfigDict) -> None:
    """Replace mmengine's training loop by ours, with the hooks that it needs, so that a resumed run goes on exactly where it
    stopped. Configs of mmaction2 name mmengine's loops."""
    loop = config.train_cfg
    if 'type' not in loop:
        loop.type = 'EpochBasedTrainLoop' if loop.pop('by_epoch', True) else 'IterBasedTrainLoop'
    kind = str(loop.type).removeprefix('mmengine.')
    if kind not in ('EpochBasedTrainLoop', 'IterBasedTrainLoop'):
        return
    loop.type = f'videossl.Resumable{kind}'
    if config.get('default_hooks') is None:
        config.default_hooks = {}
    for name, hook in RESUMABLE_HOOKS.items():
        config.default_hooks.setdefault(name, dict(type=f'videossl.{hook}'))


def command() -> None:
    """Entry point of ``tools/train.py`` and ``videossl-train``."""
    run_command(main)


if __name__ == '__main__':
    command()
