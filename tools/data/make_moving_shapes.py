"""Make the MovingShapes videos, the small made-up set that every method can be tried on within minutes."""

import argparse

from videossl.apis.user_errors import run_command
from videossl.datasets.moving_shapes import LOOPS, write_moving_shapes


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Make MovingShapes: small videos of a shape that moves over a still background, whose classes '
        'differ in motion alone (circle, square, figure eight, ...). Takes seconds. Writes videos, their masks, '
        'train.txt and test.txt; a complete set is left alone, one that was cut off is completed.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument('root', nargs='?', default='data/moving_shapes', help='folder to write to')
    parser.add_argument('--num-train', type=int, default=160, help='videos for training')
    parser.add_argument('--num-test', type=int, default=80, help='videos for testing')
    parser.add_argument('--num-classes', type=int, default=8, help=f'the first so many of: {", ".join(LOOPS)}')
    parser.add_argument('--size', type=int, default=80, help='height and width of a frame in pixels')
    parser.add_argument('--num-frames', type=int, default=96, help='frames per video')
    parser.add_argument('--fps', type=int, default=25, help='frames per second')
    parser.add_argument('--seed', type=int, default=0, help='another seed gives another set')
    parser.add_argument('--still-shapes', type=int, default=0, help='shapes that lie about without moving, per video')
    parser.add_argument('--workers', type=int, default=None, help='threads; None: one per processor, eight at most')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    root = write_moving_shapes(**vars(args))
    print(f'MovingShapes: {args.num_train} training and {args.num_test} test videos are in {root}')


if __name__ == '__main__':
    run_command(main, own_errors=True, goes_on=True)
