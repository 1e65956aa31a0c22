"""Run a recipe: named stages one after another, each a config, each starting from another's checkpoint."""

import argparse
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from videossl.errors import ConfigError

from .reader import read_recipe
from .report import pretext_accuracies, report, warn_at_chance
from .runner import Display, run_stage


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Run the stages of a recipe. What is done is not done again; a killed run goes on where it was.'
    )
    parser.add_argument('recipe', help='recipe file, e.g. configs/recipes/laptop.py')
    parser.add_argument('--work-dir', help='folder for all stages; default: work_dirs/NAME_OF_RECIPE')
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


@contextmanager
def only_one(work_dir: Path):
    """Keep a second run out of the folder."""
    work_dir.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(work_dir / 'recipe.lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f'another run works in {work_dir}; wait for it, or choose another --work-dir') from None
        yield


def main(argv: list[str] | None = None) -> None:
    """Entry point of ``tools/run_recipe.py`` and ``videossl-recipe``."""
    args = parse_args(argv)
    if threading.current_thread() is threading.main_thread():
        # Asked to end by a scheduler, or where Ctrl-C is ignored as in the background of a script.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    display = Display(Console(width=None if sys.stdout.isatty() else 140, highlight=False, markup=False, emoji=False))
    try:
        stages, recipe, work_dir = read_recipe(args)
        chance = recipe.get('table', {}).get('chance', {})
        with only_one(work_dir):
            for stage in stages:
                stage.check()
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
            report(recipe, stages, work_dir, display)
    except (ConfigError, RuntimeError) as error:
        display.say(str(error), style='red')
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        display.say('\nstopped; run the same command again to go on')
        raise SystemExit(130) from None


if __name__ == '__main__':
    main()
