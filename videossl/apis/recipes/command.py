"""Runs a recipe: named stages, each a config, one after another. A stage may start from another's checkpoint."""

import argparse
import sys

from rich.console import Console

from videossl.folder_lock import folder_lock

from ..commands import remember_command
from ..user_errors import run_command, take_sigterm_as_ctrl_c
from .reader import read_recipe
from .report import pretext_accuracies, report, warn_at_chance, write_record
from .runner import Display, run_stage


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Run the stages of a recipe. What is done is not done again; a killed run goes on where it was.'
    )
    parser.add_argument('recipe', help='recipe file, e.g. configs/recipes/laptop.py')
    parser.add_argument('--net', help='for a recipe with several networks: which one, e.g. r3d-10; default: the first')
    parser.add_argument(
        '--work-dir',
        help='folder for all stages; default: work_dirs/NAME_OF_RECIPE, with _NET behind it if it has several',
    )
    parser.add_argument('--data-root', help='folder of videos for all stages; alone, it is scanned recursively')
    parser.add_argument(
        '--ann-file',
        nargs='+',
        default=[],
        metavar='NAME=LIST',
        help='lists of videos below --data-root, by the names that the recipe gives them in ann_files, '
        "or by a stage's name, and STAGE.test for its test",
    )
    parser.add_argument('--stage', nargs='+', metavar='NAME', help='run these stages only, and those they start from')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='STAGE.KEY=VALUE',
        help='override settings of a stage\'s config, or with "all." of every stage\'s that has them; '
        'lists as KEY="[a,b]" or KEY=a,b',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    take_sigterm_as_ctrl_c()
    display = Display(Console(width=None if sys.stdout.isatty() else 140, highlight=False, markup=False, emoji=False))
    stages, recipe, work_dir = read_recipe(args)
    chance = recipe.get('table', {}).get('chance', {})
    with folder_lock(work_dir, 'recipe'):
        for stage in stages:
            stage.check()
        remember_command(work_dir, 'recipe', sys.argv[1:] if argv is None else argv)
        write_record(args.recipe, recipe, stages, work_dir)
        with display.bars:
            for stage in stages:
                before = stage.read_state()
                run_stage(stage, display)
                after = stage.read_state()
                done = 'done before' if before == after else f'done in {after["seconds"] / 60:.1f} minutes'
                results = {**pretext_accuracies(stage), **after.get('metrics', {})}
                display.say(
                    f'{stage.name}: {done}  ' + '  '.join(f'{name} {value:.3f}' for name, value in results.items())
                )
                warn_at_chance(stage, chance, display)
        write_record(args.recipe, recipe, stages, work_dir)
        report(recipe, stages, work_dir, display)


def command() -> None:
    """Entry point of ``tools/run_recipe.py`` and ``videossl-recipe``."""
    run_command(main, goes_on=True)


if __name__ == '__main__':
    command()
