"""What an extraction has finished, kept until it is whole."""

import json
import os
from pathlib import Path

import numpy as np

from videossl.files import whole_file

SETTINGS = 'settings.json'
# The same numbers can come from a file of another name, so these do not tell whether an extraction goes on as it began.
NAMES_ONLY = ('config', 'checkpoint')


class PartialFeatures:
    """Features of consecutive videos, part by part, in files beside the one that is to be written, or in memory.

    A part is written to a temporary name and renamed: it is there whole or not at all. One that was damaged since is
    made again.

    Args:
        out: the file to be written; the parts lie in the folder ``OUT.part``. None: in memory.
        record: everything that the features depend on, in JSON's types.
        num_videos: of the whole list.
        save_every: videos of a part.

    Raises:
        ValueError: the folder is of another extraction, or of none.
    """

    def __init__(self, out: str | os.PathLike | None, record: dict, num_videos: int, save_every: int) -> None:
        self.ranges = [range(start, min(start + save_every, num_videos)) for start in range(0, num_videos, save_every)]
        self.kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.folder = None if out is None else Path(f'{os.fspath(out)}.part')
        if self.folder is not None:
            self._claim(dict(record, save_every=save_every))
        self.found = {part.start for part in self.ranges if self._is_there(part)}

    @property
    def num_found(self) -> int:
        """Videos that were done before."""
        return sum(len(part) for part in self.ranges if part.start in self.found)

    def missing(self) -> list[range]:
        """The parts that were not there, as ranges of places in the list."""
        return [part for part in self.ranges if part.start not in self.found]

    def put(self, part: range, features: np.ndarray, readable: np.ndarray) -> None:
        """Keep features [len(part), K, D] and which videos could be read, bool [len(part)]."""
        if self.folder is None:
            self.kept[part.start] = features, readable
            return

        with whole_file(self._path(part), flush=True) as temporary, open(temporary, 'wb') as file:
            np.savez(file, features=features, readable=readable)

    def merged(self) -> tuple[np.ndarray, np.ndarray]:
        """All parts as one: float32 [N, K, D] and bool [N]."""
        features = readable = None
        for part in self.ranges:
            there = self._read(part)
            if features is None:
                count = self.ranges[-1].stop
                features = np.empty((count, *there[0].shape[1:]), dtype=np.float32)
                readable = np.empty(count, dtype=bool)
            features[part.start : part.stop], readable[part.start : part.stop] = there
        return features, readable

    def remove(self) -> None:
        """Remove the parts; anything else in the folder stays, and the folder with it."""
        if self.folder is None:
            return
        for part in self.ranges:
            self._path(part).unlink(missing_ok=True)
        (self.folder / SETTINGS).unlink(missing_ok=True)
        for left_over in self.folder.glob('*.tmp'):  # of a process that was killed while it wrote
            left_over.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _claim(self, settings: dict) -> None:
        path = self.folder / SETTINGS
        settings = json.loads(json.dumps(settings))
        if path.is_file():
            try:
                there = json.loads(path.read_text())
            except ValueError:
                there = {}
            differing = differences(there, settings)
            if differing:
                raise ValueError(
                    f'{self.folder} holds an unfinished extraction of other settings ({differing}). Go on '
                    'with those, choose another file (--out), or remove that folder'
                )
            return
        if self.folder.exists() and any(entry.suffix != '.tmp' for entry in self.folder.iterdir()):
            raise ValueError(
                f'{self.folder} is no unfinished extraction, but is in its place; move it away or choose '
                'another file (--out)'
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        with whole_file(path, flush=True) as temporary:
            temporary.write_text(json.dumps(settings, indent=2))

    def _path(self, part: range) -> Path:
        return self.folder / f'{part.start:07d}-{part.stop:07d}.npz'

    def _is_there(self, part: range) -> bool:
        if self.folder is None:
            return False
        try:
            features, readable = self._read(part)
        except Exception:  # a zip file can be damaged in many ways; all that matters is that it is to be made again
            return False
        return features.ndim == 3 and len(features) == len(readable) == len(part)

    def _read(self, part: range) -> tuple[np.ndarray, np.ndarray]:
        if self.folder is None:
            return self.kept[part.start]
        with np.load(self._path(part), allow_pickle=False) as content:
            return content['features'], content['readable']


def differences(there: dict, wanted: dict) -> str:
    """In which entries two records differ, in words; empty if in none that matters."""
    keys = [key for key in {**there, **wanted} if key not in NAMES_ONLY and there.get(key) != wanted.get(key)]
    words = dict(videos_sha256='the list of videos, or their folder', weights_sha256='the weights')
    return '; '.join(words.get(key, f'{key}: {there.get(key)} there, {wanted.get(key)} wanted') for key in keys)
