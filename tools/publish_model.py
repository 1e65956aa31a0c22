"""A checkpoint for others: ``python tools/publish_model.py CHECKPOINT [--out FILE.pth]``: without optimiser, bank and
teacher, 8 digits of its SHA-256 in the name."""

import argparse

from videossl.apis.user_errors import run_command
from videossl.checkpoints import publish_model


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write what is needed to test a model to a file named after its content.'
    )
    parser.add_argument('checkpoint', help='checkpoint of a run')
    parser.add_argument('--out', help='new file without date and digits; default: beside the checkpoint')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    _, report = publish_model(args.checkpoint, args.out)
    print(report)


if __name__ == '__main__':
    run_command(main, own_errors=True)
