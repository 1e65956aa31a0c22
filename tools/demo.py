"""``make demo``: render MovingShapes and run the auxSKD recipe on it; seven minutes or so on two cores."""

import argparse
from pathlib import Path

from videossl.apis.recipes.command import main as run_recipe
from videossl.datasets.moving_shapes import write_moving_shapes

NUM_TRAIN, NUM_LABELLED, NUM_TEST = 240, 120, 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/demo'),
        help='folder for videos and results; other arguments go to tools/run_recipe.py',
    )
    args, recipe_args = parser.parse_known_args()
    videos = args.work_dir / 'moving_shapes'
    try:
        write_moving_shapes(videos, num_train=NUM_TRAIN, num_test=NUM_TEST)
    except FileExistsError as error:  # of another version of this demo
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit('\nstopped; run the same command again to go on') from None
    # Labels go round the classes, so the first half of the list has each class equally often.
    lines = (videos / 'train.txt').read_text().splitlines(keepends=True)
    (videos / 'labelled.txt').write_text(''.join(lines[:NUM_LABELLED]))
    recipe = Path(__file__).parent.parent / 'configs' / 'recipes' / 'demo.py'
    run_recipe([str(recipe), '--data-root', str(videos), '--work-dir', str(args.work_dir), *recipe_args])


if __name__ == '__main__':
    main()
