"""``make demo``: does pretraining pay? Render MovingShapes, and run the study configs/studies/demo.py on them."""

import argparse
from pathlib import Path

from videossl.apis.studies.study import main as run_study
from videossl.cores import available_cores
from videossl.datasets.moving_shapes import write_moving_shapes

NUM_TRAIN, NUM_LABELLED, NUM_TEST = 240, 40, 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/demo'),
        help='folder for videos and results; other arguments go to tools/run_study.py',
    )
    args, study_args = parser.parse_known_args()
    videos = args.work_dir / 'moving_shapes'
    try:
        write_moving_shapes(videos, num_train=NUM_TRAIN, num_test=NUM_TEST)
    except FileExistsError as error:  # of another version of this demo
        raise SystemExit(str(error)) from None
    except KeyboardInterrupt:
        raise SystemExit('\nstopped; run the same command again to go on') from None
    # Labels go round the classes, so the first part of the list has each class equally often.
    lines = (videos / 'train.txt').read_text().splitlines(keepends=True)
    (videos / 'labelled.txt').write_text(''.join(lines[:NUM_LABELLED]))
    study = Path(__file__).parent.parent / 'configs' / 'studies' / 'demo.py'
    # Nets as small as these train faster side by side than on two threads each.
    jobs = min(2, available_cores())
    where = ['--data-root', str(videos), '--work-dir', str(args.work_dir), '--jobs', str(jobs)]
    run_study([str(study), *where, *study_args])


if __name__ == '__main__':
    main()
