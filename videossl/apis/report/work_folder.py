"""What is in the folder of a run, a recipe or a study. A file that is missing or damaged is named, and the rest is read."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from mmengine.config import Config

from videossl.checkpoints.checkpoint_files import read_pointer
from videossl.checkpoints.embedded_config import read_config_text
from videossl.config_files import load_config
from videossl.datasets.annotations import read_annotations
from videossl.datasets.broken_videos import FILE_NAME as BROKEN_VIDEOS
from videossl.datasets.broken_videos import parts_of
from videossl.visualization import read_scalars
from videossl.wrappers import innermost_dataset

from ..commands import FILE_NAME as COMMANDS

DEEPEST = 4  # folders between a study and a run's log: grid point, seed, stage, time
LOG_LINE = re.compile(r'^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d - ')
HAND_OFF = re.compile(r'hand-off from (?P<checkpoint>.+?): (?P<counts>\d+ tensors taken, .*)')

Value = TypeVar('Value')


@dataclass
class HandOff:
    """What a stage took from another's checkpoint, as its log says.

    Attributes:
        checkpoint: its path.
        counts: numbers of tensors that were taken, dropped, missing and of another shape, by these words.
        details: lines that name their modules.
    """

    checkpoint: str
    counts: dict[str, int]
    details: list[str]


class Notes:
    """Collects what could not be read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def attempt(self, what: str, default: Value, read: Callable[..., Value], *args: Any) -> Value:
        """The result of a function; after an error, whatever its kind, a default and a note."""
        try:
            return read(*args)
        except Exception as error:  # a damaged file can fail in many ways, and a report is made of what is left
            self.note(what, error)
            return default

    def note(self, what: str, error: Exception | str) -> None:
        """Keep that something could not be read, once."""
        reason = str(error).strip().splitlines()
        kind = '' if isinstance(error, str) else type(error).__name__
        text = f'{what}: {reason[0] if reason else kind}'
        if text not in self.problems:
            self.problems.append(text)

    def read_json(self, path: Path, default: dict) -> dict:
        """The object in a JSON file; a default where there is no file, or a damaged one, which is noted."""

        def read() -> dict:
            content = json.loads(path.read_bytes())
            if not isinstance(content, dict):
                raise ValueError('it holds no object')
            return content

        return self.attempt(str(path), default, read) if path.exists() else default

    def read_lines(self, path: Path) -> list[str]:
        """The lines of a text file; none where there is no file, or one that cannot be read, which is noted."""
        nothing: list[str] = []

        def read() -> list[str]:
            return path.read_text(errors='replace').splitlines()

        return self.attempt(str(path), nothing, read) if path.exists() else nothing


@dataclass
class RunFolder:
    """The folder of one training: a run, or a stage of a recipe or study.

    Attributes:
        name: below the work folder, ``seed_0/vspp``; of a single run the folder's own name.
        folder: where it is.
        notes: collects problems.
    """

    name: str
    folder: Path
    notes: Notes

    @property
    def stage(self) -> str:
        """The name without seed and grid point."""
        return self.name.rpartition('/')[2]

    @property
    def group(self) -> str:
        """Grid point and seed, ``seed_0``; empty for a run or a recipe."""
        return self.name.rpartition('/')[0]

    @cached_property
    def logs(self) -> list[Path]:
        """mmengine's logs of training and test, the oldest first."""
        return sorted(self.folder.glob('*/[0-9]*.log'))

    @cached_property
    def log_lines(self) -> list[str]:
        """Lines of all logs."""
        return [line for path in self.logs for line in self.notes.read_lines(path)]

    @cached_property
    def config_file(self) -> Path | None:
        """The newest config with which it was trained, as mmengine keeps it."""
        found = sorted(self.folder.glob('*/vis_data/config.py'), reverse=True)
        for path in found:
            values = self._read_config(path)
            if values.get('train_dataloader'):
                return path
        return found[0] if found else None

    @cached_property
    def config(self) -> dict:
        """This config as plain values; nothing of it is run. A folder without a config gives an empty dict."""
        return {} if self.config_file is None else self._read_config(self.config_file)

    def load_config(self) -> Config:
        """This config for building what is in it.

        Raises:
            ConfigError: the config cannot be read.
            FileNotFoundError: the folder has no config.
        """
        if self.config_file is None:
            raise FileNotFoundError(f'{self.folder} keeps no config')
        return load_config(str(self.config_file))

    def _read_config(self, path: Path) -> dict:
        return self.notes.attempt(str(path), {}, lambda: read_config_text(path.read_text(), origin=str(path)))

    @cached_property
    def scalars(self) -> list[dict]:
        """What was logged during training, by step."""
        return self.notes.attempt(f'{self.folder}/*/vis_data/scalars.json', [], read_scalars, self.folder)

    @cached_property
    def state(self) -> dict:
        """``stage.json`` of a recipe's stage."""
        return self.notes.read_json(self.folder / 'stage.json', {})

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Results of its test."""
        return numbers(self.state.get('metrics') or self.notes.read_json(self.folder / 'metrics.json', {}))

    @cached_property
    def evaluations(self) -> dict[str, dict]:
        """Evaluations of its features by the number of labels per class, ``'all'`` for all."""
        found: dict[str, dict] = {}
        for path in sorted(self.folder.glob('*.json')):
            if path.name in ('stage.json', 'metrics.json', 'progress.json', 'features_job.json', 'recipe.json'):
                continue
            content = self.notes.read_json(path, {})
            results = content.get('results', {'all': content})
            for labels, result in results.items() if isinstance(results, dict) else ():
                if isinstance(result, dict) and any(
                    isinstance(entry, dict) and 'protocol' in entry for entry in result.values()
                ):
                    found.setdefault(str(labels), {}).update(result)
        return found

    @cached_property
    def job(self) -> dict:
        """How its features were made: ``data_root``, lists and more."""
        return self.notes.read_json(self.folder / 'features_job.json', {})

    @cached_property
    def hand_off(self) -> HandOff | None:
        """What it started from, as the log says."""
        for number, line in enumerate(self.log_lines):
            found = HAND_OFF.search(line)
            if found is None:
                continue
            details = []
            for following in self.log_lines[number + 1 :]:
                if LOG_LINE.match(following) or not following.startswith('  '):
                    break
                details.append(following.strip())
            counts = re.findall(r'(\d+) (tensors taken|[a-z ]+)', found['counts'])
            return HandOff(
                found['checkpoint'], {name.replace('tensors ', ''): int(count) for count, name in counts}, details
            )
        return None

    @cached_property
    def broken(self) -> list[tuple[str, str]]:
        """Path and reason of each video that could not be read."""
        lines = self.notes.read_lines(self.folder / BROKEN_VIDEOS)
        return [parts_of(line) for line in lines if line.strip()]

    @cached_property
    def environment(self) -> dict[str, str]:
        """System and settings, as the log of the first start says."""
        found: dict[str, str] = {}
        inside = False
        for line in self.log_lines:
            inside = inside or 'System environment' in line
            entry = re.match(r'^    ([A-Z][\w /]*|sys\.platform|numpy_random_seed|cudnn_benchmark|seed): (.*)$', line)
            if inside and entry and entry[1] != 'PyTorch compiling details':
                found.setdefault(entry[1], entry[2].strip())
            if inside and 'Config:' in line:
                break
        return found

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Where the time went, in seconds: steps, waiting for videos, and the rest."""
        training = data = 0.0
        before = 0
        for entry in self.scalars:
            steps = entry['step'] - before
            if 'time' in entry and steps > 0:
                training += entry['time'] * steps
                data += entry.get('data_time', 0.0) * steps
            before = entry['step']
        total = self.state.get('seconds') or sum(map(_log_seconds, self.logs))
        found = {'computing': training - data, 'waiting for videos': data, 'start, checkpoints, test': total - training}
        features = self.notes.read_json(self.folder / 'features.json', {}).get('seconds')
        if isinstance(features, (int, float)):
            found['evaluation of features'] = features
        return {name: max(float(value), 0.0) for name, value in found.items()} if total else {}

    @cached_property
    def checkpoint(self) -> Path | None:
        """Its last checkpoint, if it still exists; the folder may have been moved since."""
        pointer = self.notes.attempt(f'{self.folder}/last_checkpoint', None, read_pointer, str(self.folder))
        for path in [self.folder / Path(pointer).name] if pointer else []:
            if path.is_file():
                return path
        found = sorted(self.folder.glob('*.pth'), key=lambda path: path.stat().st_mtime)
        return found[-1] if found else None

    def dataset(self, loader: str) -> dict:
        """The innermost data set of a loader (``'train'``, ``'test'``) in its config."""
        settings = (self.config.get(f'{loader}_dataloader') or {}).get('dataset')
        return dict(innermost_dataset(Config(dict(dataset=settings)).dataset)) if settings else {}

    def data_roots(self) -> list[Path]:
        """Folders that its videos' paths may be relative to, the likeliest first."""
        named = [self.job.get('data_root'), *(self.dataset(loader).get('data_root') for loader in ('test', 'train'))]
        return [Path(root) for root in dict.fromkeys(filter(None, named))]

    def video_list(self, split: str) -> tuple[Path, str] | None:
        """The list of its ``'train'`` or ``'test'`` videos and the folder of its paths; None: it had no list."""
        if self.job.get(split):
            return Path(self.job.get('data_root') or ''), str(self.job[split])
        dataset = self.dataset(split)
        return (Path(dataset.get('data_root') or ''), str(dataset['ann_file'])) if dataset.get('ann_file') else None

    def test_videos(self) -> int | None:
        """Number of videos of its test; None: the list is not there."""
        dataset = self.dataset('test')
        if not dataset.get('ann_file'):
            return None
        path = Path(dataset.get('data_root') or '', dataset['ann_file'])
        return len(read_annotations(str(path))) if path.is_file() else None


@dataclass
class WorkFolder:
    """The folder of a run, a recipe or a study.

    Attributes:
        path: where it is.
        notes: what could not be read.
    """

    path: Path
    notes: Notes = field(default_factory=Notes)

    @cached_property
    def results(self) -> dict:
        """``results.json`` of a study."""
        return self.notes.read_json(self.path / 'results.json', {})

    @cached_property
    def recipe(self) -> dict:
        """``recipe.json`` of a recipe."""
        return self.notes.read_json(self.path / 'recipe.json', {})

    @cached_property
    def runs(self) -> list[RunFolder]:
        """All runs, in the order in which they were started."""
        found: dict[Path, str] = {}
        for depth in range(DEEPEST):
            for pattern in ('vis_data', 'stage.json'):
                for path in self.path.glob('*/' * (depth + (pattern == 'vis_data')) + pattern):
                    folder = path.parents[1] if pattern == 'vis_data' else path.parent
                    started = path.parent.name if pattern == 'vis_data' else '~'  # not started: last
                    found[folder] = min(found.get(folder, '~'), started)
        single = set(found) == {self.path}
        return [
            RunFolder(
                self.path.resolve().name if single else folder.relative_to(self.path).as_posix(), folder, self.notes
            )
            for folder in sorted(found, key=lambda folder: (found[folder], str(folder)))
            if single or folder != self.path
        ]

    @property
    def kind(self) -> str:
        """``'study'``, ``'recipe'`` or ``'run'``."""
        if (self.path / 'results.json').exists() or any(run.group for run in self.runs):
            return 'study'
        if (self.path / 'recipe.json').exists() or any(run.folder != self.path for run in self.runs):
            return 'recipe'
        return 'run'

    @cached_property
    def first_runs(self) -> list[RunFolder]:
        """The runs of the first seed and grid point: those of another seed have the same configs."""
        groups = sorted({run.group for run in self.runs})
        return [run for run in self.runs if run.group == groups[0]] if groups else []

    @cached_property
    def commands(self) -> list[str]:
        """The commands that worked on it."""
        return self.notes.read_lines(self.path / COMMANDS) or list(self.results.get('commands', []))


def numbers(values: Any) -> dict[str, float]:
    """The entries of a dict that are numbers."""
    entries = values.items() if isinstance(values, dict) else ()
    return {name: value for name, value in entries if isinstance(value, (int, float)) and not isinstance(value, bool)}


def _log_seconds(log: Path) -> float:
    """From the start of a run, which names its log, to the last line."""
    try:
        return max(log.stat().st_mtime - time.mktime(time.strptime(log.stem, '%Y%m%d_%H%M%S')), 0.0)
    except (OSError, ValueError):
        return 0.0
