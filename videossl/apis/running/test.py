"""Test a checkpoint with a config file."""

import argparse
import copy
import json
import os.path as osp

from mmengine.config import Config
from mmengine.dist import is_main_process

from videossl.apis.user_errors import building, run_command
from videossl.errors import ConfigError

from .check_values import check_values
from .launch import add_common_arguments, build_runner, finish_config, load_config, point_at_data


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
    check_values(config)
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
    """Let a pretraining config test its pretext task, as it is drawn in training, on the videos that are named."""
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
    config.test_dataloader.sampler.shuffle = False
    config.test_cfg = dict(type='videossl.PretextTestLoop')
    config.test_evaluator = []


def main(argv: list[str] | None = None) -> None:
    """Test; errors are raised as they are."""
    args = parse_args(argv)
    config = config_for_testing(args)
    with building(config) as watch:
        runner = build_runner(config)
        watch(runner)
        metrics = runner.test()
    if args.metrics_file is not None and is_main_process():
        with open(args.metrics_file, 'w') as file:
            json.dump({name: float(value) for name, value in metrics.items()}, file, indent=2)


def command() -> None:
    """Entry point of ``tools/test.py`` and ``videossl-test``."""
    run_command(main)


if __name__ == '__main__':
    command()
