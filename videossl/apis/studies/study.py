"""Run a study: a recipe at each seed and option, and a table of the results with intervals and differences."""

import argparse
import json
import sys

from rich.console import Console

from videossl.folder_lock import folder_lock

from ..commands import remember_command
from ..recipes.runner import Display
from ..user_errors import run_command, take_sigterm_as_ctrl_c
from .joined import join, joined_values, still_needed, write_joined
from .reader import COLUMNS, SPLITS, Study, point_name, read_study, study_folder, with_earlier
from .report import read_results, reason, write_report
from .results import collect
from .tasks import FeatureTask, StageTask, Task, run_tasks


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Pretrain in several ways with several seeds, and compare. What is done is not done again; a killed '
        'study goes on where it was when the same command is given again. More seeds, rows or columns may be asked for '
        'later.'
    )
    parser.add_argument('study', help='study file, e.g. configs/studies/your_videos.py')
    parser.add_argument(
        '--data-root', help='folder of the videos; made-up videos are rendered where the study has them'
    )
    parser.add_argument(
        '--ann-file',
        nargs='+',
        default=[],
        metavar='NAME=LIST',
        help='lists of videos below --data-root: train, test and pretrain. Without lists, class folders are divided',
    )
    parser.add_argument('--work-dir', help='folder for everything; default: work_dirs/NAME_OF_STUDY')
    parser.add_argument(
        '--seeds', type=int, nargs='+', help='each row is run once with each; default: those of the study'
    )
    parser.add_argument(
        '--jobs', type=int, default=1, help='steps at a time, each with its share of the cores; default: 1'
    )
    parser.add_argument('--rows', nargs='+', metavar='ROW', help='these rows only')
    parser.add_argument('--columns', nargs='+', choices=list(COLUMNS), help='these columns only')
    parser.add_argument(
        '--split',
        choices=SPLITS,
        help='select: hold some groups of the training list out and test on those, to choose settings without the test '
        "videos; default: the study's, or test",
    )
    parser.add_argument(
        '--group',
        metavar='PATTERN',
        help='regular expression for the part of a path that names its actor or recording; "": '
        'none, whatever the study says',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='STAGE.KEY=VALUE',
        help='override settings of a stage, of several ("finetune*."), or with "all." of every stage that has them',
    )
    parser.add_argument(
        '--join',
        nargs='+',
        default=[],
        metavar='FILE',
        help='results.json of the same study from elsewhere: its values are shown with those of this folder, now and in '
        'later calls, and are not measured again',
    )
    parser.add_argument('--dry-run', action='store_true', help='check everything, list the steps, and run none')
    args = parser.parse_args(argv)
    if args.jobs < 1:
        parser.error('--jobs must be at least 1')
    return args


def plan(study: Study) -> list[Task]:
    """All steps of a study, each after those that it needs."""
    settings = dict(
        data_root=study.data_root,
        train=str(study.lists['train']),
        test=str(study.lists['test']),
        protocol=study.config.get('protocol', 'auxskd'),
        views=json.loads(json.dumps(dict(study.config.get('views', {})))),  # as its job file has them
        counts=study.counts,
    )
    tasks: list[Task] = []
    by_stage: dict[int, StageTask] = {}
    evaluated: set[int] = set()
    for run in study.runs:
        sources = {id(stage.init_from) for stage in run.stages.values()}
        sources |= {id(stage) for stage in run.features.values()}
        for stage in run.stages.values():
            if id(stage) not in by_stage:
                needs = [by_stage[id(stage.init_from)]] if stage.init_from is not None else []
                disposable = stage.has_test and id(stage) not in sources and not study.config.get('keep_finetuned')
                by_stage[id(stage)] = StageTask(run.seed, stage, needs, disposable, point_name(run.point))
                tasks.append(by_stage[id(stage)])
            if id(stage) not in evaluated and any(stage is source for source in run.features.values()):
                evaluated.add(id(stage))
                tasks.append(FeatureTask(run.seed, stage, [by_stage[id(stage)]], settings))
    return tasks


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    argv = sys.argv[1:] if argv is None else argv
    args = parse_args(argv)
    take_sigterm_as_ctrl_c()
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False, markup=False, emoji=False)
    display = Display(console)
    say = display.say

    failed: dict[str, str] = {}
    with folder_lock(study_folder(args), 'study'):  # before its lists are written
        study = read_study(args)
        joined = join(study, args.join)
        known = joined_values(joined)
        tasks = still_needed(study, plan(study), known)
        grid = f', {len(study.points)} grid points' if len(study.points) > 1 else ''
        rows = f'{len(study.rows)} row{"s" * (len(study.rows) > 1)}{grid}'
        say(f'{study.name}: {rows}, seeds {study.seeds}, {len(tasks)} steps; {study.work_dir}')
        videos = study.videos
        say(f'{videos.train} training videos, {videos.test} test videos, {videos.classes} classes')
        for note in study.notes:
            say(note)
        for task in tasks:
            task.check()
            if args.dry_run:
                say(f'{task.title}{": done before" if task.done() else ""}')
        if args.dry_run:
            return
        write_joined(joined, study.work_dir)
        commands = remember_command(study.work_dir, 'study', argv)
        before = read_results(study.work_dir)
        shown = with_earlier(study, [*joined, before])
        shown_tasks = still_needed(shown, plan(shown), known)

        def report(final: bool) -> None:
            results = collect(shown, shown_tasks, commands, failed, joined, before)
            write_report(results, study.work_dir, console if final else None)

        try:
            run_tasks(tasks, args.jobs, display, failed, lambda: report(final=False))
        finally:
            report(final=True)
    if failed:
        say('\nthese steps failed; when the reason is removed, run the same command again to go on')
        for title, message in failed.items():
            say(f'  {title}: {reason(message)}')
        raise SystemExit(1)


def command() -> None:
    """Entry point of ``tools/run_study.py``."""
    run_command(main, goes_on=True)


if __name__ == '__main__':
    command()
