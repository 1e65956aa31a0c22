"""The command ``tools/report.py``: one HTML file about a run, a recipe or a study."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from videossl.errors import ConfigError
from videossl.files import whole_file
from videossl.visualization.page import Items, Problem, Section, render_page, require_packages

from ..user_errors import run_command
from . import sections
from .pictures import Deadline, NotHere, Pictures
from .work_folder import WorkFolder

FILE_NAME = 'report.html'
SECONDS = 90.0  # after these no picture is begun that has to be computed: t-SNE, thumbnails, class activation


def write_html_report(
    work_dir: str | os.PathLike, out: str | os.PathLike | None = None, seconds: float = SECONDS
) -> Path:
    """Write a page about everything in a work folder: one file, which requests nothing from anywhere.

    A section is there where its data are. What is missing or damaged is named on the page.

    Args:
        work_dir: of ``tools/train.py``, ``tools/run_recipe.py`` or ``tools/run_study.py``, finished or not.
        out: file to write. None: ``report.html`` in the work folder.
        seconds: after these no further picture is begun that has to be computed. Those that are left out are named on the
            page. Class activation and clip sheets build the run's config, which is a Python program. 0: none is computed.

    Returns:
        Path of the page.

    Raises:
        ConfigError: there is no such folder, or nothing that ran is in it.
        ImportError: jinja2 or bokeh is not installed.
    """
    require_packages()
    work = WorkFolder(Path(work_dir))
    if not work.path.is_dir():
        raise ConfigError(f'there is no folder {work_dir}; name the work folder of a run, a recipe or a study')
    if not (work.runs or work.results or work.recipe or work.notes.problems):
        raise ConfigError(f'{work_dir} has no run, recipe or study; name the folder that one of them wrote')
    left_out: list[str] = []
    found = [
        _section(work, title, build, left_out)
        for title, build in [
            ('Accuracies', lambda: sections.accuracies(work)),
            ('What ran', lambda: sections.what_ran(work)),
            ('Hand-offs', lambda: sections.hand_offs(work)),
            ('Curves', lambda: sections.curves(work)),
            *Pictures(work, Deadline(seconds)).builders(),
            ('Broken videos', lambda: sections.broken_videos(work)),
            ('Minutes', lambda: sections.minutes(work)),
            ('Environment and repairs', lambda: sections.environment(work)),
        ]
    ]
    if left_out:
        found.append(Section('What is not here', [Items(left_out)]))
    if work.notes.problems:
        found.insert(0, Section('What could not be read', [Items(work.notes.problems)]))
    name = work.path.resolve().name
    page = render_page(
        f'{work.kind.capitalize()} {work.results.get("name") or name}',
        f'{work.path.resolve()}, {len(work.runs)} trainings',
        [section for section in found if section is not None],
    )
    path = work.path / FILE_NAME if out is None else Path(out)
    with whole_file(path) as temporary:
        # Names of files may hold bytes that are no UTF-8.
        temporary.write_text(page, encoding='utf-8', errors='backslashreplace')
    return path


def _section(work: WorkFolder, title: str, build: Callable[[], Section | None], left_out: list[str]) -> Section | None:
    """A section; where it has no data, a sentence in ``left_out``; where it fails, whatever the reason, a note in its place."""
    try:
        return build()
    except NotHere as reason:
        left_out.append(f'{title}: {reason}')
        return None
    except Exception as error:  # the other sections are worth a page
        work.notes.note(f'section "{title}"', f'{type(error).__name__}: {error}')
        return Section(title, [Problem([f'This section could not be made: {type(error).__name__}: {error}'])])


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write one HTML file about a run, a recipe or a study, finished or not. It can be read without a network.'
    )
    parser.add_argument('work_dir', help='folder that videossl train, recipe or study wrote')
    parser.add_argument('--out', help=f'file to write; default: WORK_DIR/{FILE_NAME}')
    parser.add_argument(
        '--seconds',
        type=float,
        default=SECONDS,
        help='after these no further picture is computed (map, neighbours, class activation, clip sheets); 0: none; '
        f'default: {SECONDS:g}',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Write the page, and say where; errors are raised as they are."""
    args = parse_args(argv)
    path = write_html_report(args.work_dir, args.out, args.seconds)
    print(f'report: {path} ({path.stat().st_size / 1e6:.1f} MB)')


def command() -> None:
    """``tools/report.py`` and ``videossl-report``."""
    run_command(main, own_errors=True)
