"""A clean backbone checkpoint: ``python tools/converters/export_backbone.py CHECKPOINT --out FILE.pth``; ``--help`` lists the
arguments."""

import argparse

from videossl.apis.user_errors import run_command
from videossl.checkpoints import export_backbone


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Write a checkpoint's backbone, and what builds it, to a file of its own."
    )
    parser.add_argument('checkpoint', help='checkpoint of a run, or an imported file')
    parser.add_argument('--out', required=True, help='new file: .pth, .pt or .safetensors')
    parser.add_argument('--branch', metavar='NAME', help='one branch of a branched backbone, as the plain net')
    parser.add_argument(
        '--teacher', action='store_true', help="the averaged teacher's backbone instead of the student's"
    )
    parser.add_argument('--prefix', default='', help='what the new names begin with, e.g. backbone.; default: nothing')
    parser.add_argument('--config', help='config file, where the checkpoint does not hold it')
    parser.add_argument('--licence', help="note on the weights' terms of use")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    print(export_backbone(args.checkpoint, args.out, args.branch, args.teacher, args.prefix, args.config, args.licence))


if __name__ == '__main__':
    run_command(main, own_errors=True)
