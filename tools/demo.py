"""Does pretraining pay? Render MovingShapes, run the study configs/studies/demo.py on them, and write a report."""

import argparse
from pathlib import Path

from videossl.apis.report import write_html_report
from videossl.apis.studies.study import main as run_study
from videossl.apis.studies.study import parse_args as parse_study_args
from videossl.apis.user_errors import run_command
from videossl.cores import available_cores
from videossl.datasets.moving_shapes import write_moving_shapes

NUM_TRAIN, NUM_TEST = 320, 400
NUM_FEW = 40  # labels of fine-tuning
SECONDS = 30  # after these no further picture of the report is begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--work-dir',
        type=Path,
        default=Path('work_dirs/demo'),
        help='folder for videos and results; other arguments go to videossl study, such as --dry-run, which renders and runs '
        'nothing',
    )
    args, study_args = parser.parse_known_args()
    videos = args.work_dir / 'moving_shapes'
    study = Path(__file__).parent.parent / 'configs' / 'studies' / 'demo.py'
    # Nets as small as these train faster side by side than on two threads each.
    jobs = min(2, available_cores())
    where = ['--data-root', str(videos), '--work-dir', str(args.work_dir), '--jobs', str(jobs)]
    # A misspelt option ends the demo before it renders.
    dry_run = parse_study_args([str(study), *where, *study_args]).dry_run
    write_moving_shapes(videos, num_train=NUM_TRAIN, num_test=NUM_TEST, render=not dry_run)
    # Labels go round the classes, so the first part of the list has each class equally often.
    lines = (videos / 'train.txt').read_text().splitlines(keepends=True)
    (videos / 'few.txt').write_text(''.join(lines[:NUM_FEW]))
    results, page = args.work_dir / 'results.json', args.work_dir / 'report.html'
    before = results.read_bytes() if results.exists() else None
    run_study([str(study), *where, *study_args])
    if dry_run:
        return
    try:
        if not page.exists() or results.read_bytes() != before:
            page = write_html_report(args.work_dir, page, SECONDS)
        print(f'report: {page}')
    except ImportError as error:  # the packages of the page are optional
        print(error)


if __name__ == '__main__':
    run_command(main, own_errors=True, goes_on=True)
