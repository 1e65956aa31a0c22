"""The finished part of an extraction, kept on disk until all of it is done."""

import json
import os
from pathlib import Path

import numpy as np

from videossl.errors import ConfigError
from videossl.files import whole_file

SETTINGS = 'settings.json'
# Names in a record. Files of other names may hold the same content, so an extraction goes on although these differ.
NAMES_ONLY = ('config', 'checkpoint')


class OtherFeatures(ConfigError):
    """Features of other settings, videos or weights have the name of the file that an extraction is to write."""


class PartialFeatures:
    """Features of consecutive videos in files of ``save_every`` videos each, in the folder ``OUT.part``.

    Each file appears when it is whole. A damaged file is made again.

    Args:
        out: the file that the extraction is to write.
        record: everything that the features depend on, in JSON's types.
        num_videos: of the whole list.
        save_every: videos of a part.

    Raises:
        OtherFeatures: the folder belongs to another extraction.
        ValueError: the folder belongs to something else.
    """

    def __init__(self, out: str | os.PathLike, record: dict, num_videos: int, save_every: int) -> None:
        self.ranges = [range(start, min(start + save_every, num_videos)) for start in range(0, num_videos, save_every)]
        self.folder = Path(f'{os.fspath(out)}.part')
        self._claim(dict(record, save_every=save_every))
        self.missing = [part for part in self.ranges if not self._is_whole(part)]

    @property
    def num_found(self) -> int:
        """Videos that an earlier call finished."""
        return sum(map(len, self.ranges)) - sum(map(len, self.missing))

    def put(self, part: range, features: np.ndarray, readable: np.ndarray) -> None:
        """Write features [len(part), K, D] and which videos are readable, bool [len(part)]."""
        with whole_file(self._path(part), flush=True) as temporary, open(temporary, 'wb') as file:
            np.savez(file, features=features, readable=readable)

    def merged(self) -> tuple[np.ndarray, np.ndarray]:
        """All parts as one: float32 [N, K, D] and bool [N]."""
        features, readable = self._read(self.ranges[0])
        count = self.ranges[-1].stop
        all_features = np.empty((count, *features.shape[1:]), dtype=np.float32)
        all_readable = np.empty(count, dtype=bool)
        for part in self.ranges:
            all_features[part.start : part.stop], all_readable[part.start : part.stop] = self._read(part)
        return all_features, all_readable

    def remove(self) -> None:
        """Remove the parts. A folder that holds other files stays with them."""
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
                found = json.loads(path.read_text())
            except ValueError:
                found = {}
            differing = differences(found, settings)
            if differing:
                raise OtherFeatures(
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

    def _is_whole(self, part: range) -> bool:
        try:
            features, readable = self._read(part)
        except Exception:  # a zip file can be damaged in many ways
            return False
        return features.ndim == 3 and len(features) == len(readable) == len(part)

    def _read(self, part: range) -> tuple[np.ndarray, np.ndarray]:
        with np.load(self._path(part), allow_pickle=False) as content:
            return content['features'], content['readable']


def differences(found: dict, wanted: dict) -> str:
    """The entries in which two records differ, in words; empty if only names differ."""
    keys = [key for key in {**found, **wanted} if key not in NAMES_ONLY and found.get(key) != wanted.get(key)]
    words = dict(videos_sha256='the list of videos, or their folder', weights_sha256='the weights')
    return '; '.join(words.get(key, f'{key}: {found.get(key)} there, {wanted.get(key)} wanted') for key in keys)
