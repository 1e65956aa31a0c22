"""Tests a checkpoint with a config file."""

import argparse
import copy
import json
import os.path as osp

from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process

from videossl.apis.user_errors import building, run_command
from videossl.config_files import load_config
from videossl.errors import ConfigError
from videossl.files import whole_file

from .check_config import check_config
from .check_shapes import check_first_shapes
from .config_parts import name_of
from .launch import add_common_arguments, build_runner, finish_config, point_at_data, refuse_missing_list


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Test a checkpoint, as the config says. A '
        'pretraining config is tested on its own pretext task: name videos that were not '
        'trained on.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('checkpoint', help='checkpoint file')
    add_common_arguments(parser)
    parser.add_argument('--metrics-file', help='write the metrics here as JSON')
    parser.add_argument('--dump', help='write the predictions to this .pkl file')
    return parser.parse_args(argv)


def config_for_testing(args: argparse.Namespace) -> Config:
    """The config with the arguments merged in."""
    config = load_config(args.config, args.cfg_options)
    if config.get('test_dataloader') is None:
        turn_into_pretext_test(config, args)
    check_config(config)
    if not osp.isfile(args.checkpoint):
        raise ConfigError(f'there is no checkpoint {args.checkpoint}')
    point_at_data(config.test_dataloader, args.data_root, args.ann_file)
    if args.dump is not None:
        if not args.dump.endswith(('.pkl', '.pickle')):
            raise ConfigError(f'--dump writes a pickle file, so its name must end with .pkl, got {args.dump}')
        evaluators = config.test_evaluator if isinstance(config.test_evaluator, list) else [config.test_evaluator]
        config.test_evaluator = [*evaluators, dict(type='DumpResults', out_file_path=args.dump)]
    config.load_from = args.checkpoint
    config.train_dataloader = config.train_cfg = config.optim_wrapper = config.param_scheduler = None
    config.custom_hooks = [dict(type='videossl.WholeCheckpointHook')]  # instead of those of training
    return finish_config(config, args)


def turn_into_pretext_test(config: Config, args: argparse.Namespace) -> None:
    """Let a pretraining config test its pretext task, drawn as in training, on the videos of the arguments, in one pass."""
    if config.get('train_dataloader') is None:
        raise ConfigError(f'{args.config} has neither test_dataloader nor train_dataloader: there is nothing to test')
    if args.data_root is None and args.ann_file is None:
        raise ConfigError(
            f'{args.config} has no test_dataloader: it is a pretraining config. Name videos that were not '
            'trained on with --data-root or --ann-file to test its pretext task; test labels with a '
            'config of configs/downstream'
        )
    if args.dump is not None:
        raise ConfigError(f'--dump: {args.config} is a pretraining config, whose test makes no predictions')
    config.test_dataloader = copy.deepcopy(config.train_dataloader)
    config.test_dataloader.drop_last = False
    sampler = config.test_dataloader.sampler
    if name_of(sampler.type).rpartition('.')[2] == 'InfiniteSampler':
        config.test_dataloader.sampler = sampler = ConfigDict(type='videossl.DrawSampler', seed=sampler.get('seed'))
    sampler.pop('endless', None)
    sampler.shuffle = False
    config.test_cfg = dict(type='videossl.PretextTestLoop')
    config.test_evaluator = []


def main(argv: list[str] | None = None) -> None:
    """Test; errors are raised as they are."""
    args = parse_args(argv)
    config = config_for_testing(args)
    refuse_missing_list(config.get('test_dataloader'))
    with building(config):
        runner = build_runner(config)
        check_first_shapes(runner, config)
        metrics = runner.test()
    if args.metrics_file is not None and is_main_process():
        with whole_file(args.metrics_file) as temporary:
            temporary.write_text(json.dumps({name: float(value) for name, value in metrics.items()}, indent=2))


def command() -> None:
    """Entry point of ``tools/test.py`` and ``videossl-test``."""
    run_command(main)


if __name__ == '__main__':
    command()
