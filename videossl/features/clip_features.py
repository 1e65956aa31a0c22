"""Features of videos, one for each view, and their file."""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videossl.checks import check_choice
from videossl.errors import ConfigError
from videossl.files import whole_file


@dataclass
class ClipFeatures:
    """Features of the views of each video, the input of every evaluation.

    Attributes:
        features: float32 [N, K, D], N videos with K views each, clip after clip and within a clip crop after crop;
            pooled over time and space, neither averaged over the views nor normalised.
        labels: int64 [N], those of the list, also for unreadable videos; None for a list without labels.
        paths: N paths, as in the list.
        readable: bool [N]. The features of an unreadable video are zeros.
        protocol: settings of the extraction in plain types: ``num_clips`` and ``crops`` of each video, ``clip_len``,
            ``frame_interval``, ``size``, ``resize``, ``pooling``, ``split`` (the list's name), ``config``,
            ``checkpoint``, and more.

    Raises:
        ValueError: the parts have different lengths or wrong shapes.
    """

    features: np.ndarray
    labels: np.ndarray | None
    paths: list[str]
    readable: np.ndarray
    protocol: dict

    def __post_init__(self) -> None:
        self.features = np.asarray(self.features, dtype=np.float32)
        self.readable = np.asarray(self.readable, dtype=bool)
        self.labels = None if self.labels is None else np.asarray(self.labels, dtype=np.int64)
        self.paths = [str(path) for path in self.paths]
        if self.features.ndim != 3:
            raise ValueError(f'features must be [videos, views, channels], got shape {self.features.shape}')
        lengths = dict(features=len(self.features), paths=len(self.paths), readable=len(self.readable))
        if self.labels is not None:
            lengths['labels'] = len(self.labels)
        if len(set(lengths.values())) > 1:
            raise ValueError(f'features, labels, paths and readable need one entry for each video, got {lengths}')

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def unreadable(self) -> list[str]:
        """Paths of the videos that could not be read."""
        return [path for path, readable in zip(self.paths, self.readable) if not readable]

    def averaged(self, over: str = 'clips', normalise: bool = False) -> np.ndarray:
        """Mean over the views of each video, in fp32, zeros for an unreadable video.

        Args:
            over: ``'clips'``: over all views, [N, D]. ``'crops'``: over the crops of each clip, [N, clips, D].
            normalise: scale each view to length 1 first. The mean is not scaled again.

        Raises:
            ValueError: ``over`` has another value, or the protocol's number of crops does not divide the views.
        """
        check_choice('averaged: over', over, ('clips', 'crops'))
        views = self.features
        if normalise:
            lengths = np.linalg.norm(views, axis=2, keepdims=True)
            views = views / np.where(lengths > 0, lengths, 1)
        if over == 'clips':
            return views.mean(axis=1)
        crops = self.protocol.get('crops')
        if not isinstance(crops, int) or crops < 1 or views.shape[1] % crops:
            raise ValueError(
                f'averaged(over="crops"): {views.shape[1]} views are not clips of {crops!r} crops each '
                '(protocol["crops"])'
            )
        return views.reshape(len(views), -1, crops, views.shape[2]).mean(axis=2)

    def save(self, path: str | os.PathLike) -> None:
        """Write a ``.npz`` (arrays ``features``, ``labels``, ``paths``, ``readable``, and ``protocol`` as JSON) or a
        ``.parquet`` file (one row for each video). An interrupted call leaves no file.

        Raises:
            ValueError: the name has another ending, or the protocol holds types that JSON lacks.
            ImportError: ``.parquet`` without pyarrow.
        """
        path = Path(path)
        write = dict(npz=_write_npz, parquet=_write_parquet)[file_format(path)]
        try:
            protocol = json.dumps(self.protocol, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f'the protocol must be of plain types, which JSON has: {error}') from None
        with whole_file(path, flush=True) as temporary:
            write(self, temporary, protocol)

    @classmethod
    def load(cls, path: str | os.PathLike) -> 'ClipFeatures':
        """Read a file that :meth:`save` wrote. No object is unpickled.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file has another content, or is damaged.
            ImportError: ``.parquet`` without pyarrow.
        """
        path = Path(path)
        read = dict(npz=_read_npz, parquet=_read_parquet)[file_format(path)]
        if not path.is_file():
            raise FileNotFoundError(f'there is no file {path}')
        try:
            arrays = read(path)
            protocol = arrays['protocol']
            if 'clips' in protocol:  # files of earlier versions
                protocol['num_clips'] = protocol.pop('clips')
            return cls(**arrays)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            # A KeyError's text is the missing name alone.
            reason = f'it has no {error}' if isinstance(error, KeyError) else error
            raise ValueError(f'{path} is no whole file of features that videossl wrote: {reason}') from error


def file_format(path: str | os.PathLike) -> str:
    """``'npz'`` or ``'parquet'``, from the ending of a file's name.

    Raises:
        ConfigError: the name has another ending.
        ImportError: pyarrow is needed and not installed.
    """
    ending = Path(path).suffix.lower().removeprefix('.')
    if ending not in ('npz', 'parquet'):
        raise ConfigError(f'features are kept in .npz or .parquet files; {path} ends otherwise')
    if ending == 'parquet':
        _import_pyarrow()
    return ending


def _write_npz(features: ClipFeatures, path: Path, protocol: str) -> None:
    labels: dict[str, Any] = {} if features.labels is None else dict(labels=features.labels)
    with open(path, 'wb') as file:  # np.savez appends an ending to a name, not to a file
        np.savez(
            file,
            features=features.features,
            paths=np.array(features.paths, dtype=np.str_),
            readable=features.readable,
            protocol=np.array(protocol),
            **labels,
        )


def _read_npz(path: Path) -> dict:
    with np.load(path, allow_pickle=False) as content:
        return dict(
            features=content['features'],
            labels=content['labels'] if 'labels' in content else None,
            paths=content['paths'].tolist(),
            readable=content['readable'],
            protocol=json.loads(content['protocol'].item()),
        )


def _write_parquet(features: ClipFeatures, path: Path, protocol: str) -> None:
    pyarrow, parquet = _import_pyarrow()
    count, views, channels = features.features.shape
    values = pyarrow.array(features.features.reshape(-1))
    labels = [None] * count if features.labels is None else features.labels
    table = pyarrow.table(
        dict(
            path=pyarrow.array(features.paths, type=pyarrow.string()),
            label=pyarrow.array(labels, type=pyarrow.int64()),
            readable=pyarrow.array(features.readable),
            features=pyarrow.FixedSizeListArray.from_arrays(values, views * channels),
        )
    )
    table = table.replace_schema_metadata(dict(shape=json.dumps([views, channels]), protocol=protocol))
    # Feature values hardly repeat: a dictionary of them would cost time and save nothing.
    parquet.write_table(table, path, row_group_size=1024, use_dictionary=False)


def _read_parquet(path: Path) -> dict:
    _, parquet = _import_pyarrow()
    table = parquet.read_table(path)
    metadata = table.schema.metadata or {}
    views, channels = json.loads(metadata[b'shape'])
    labels = table['label']
    return dict(
        features=table['features'].combine_chunks().flatten().to_numpy().reshape(len(table), views, channels),
        labels=None if labels.null_count == len(labels) and len(labels) else labels.to_numpy(),
        paths=table['path'].to_pylist(),
        readable=table['readable'].to_numpy(),
        protocol=json.loads(metadata[b'protocol']),
    )


def _import_pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            '.parquet files need pyarrow: pip install pyarrow; or choose .npz, which needs nothing'
        ) from None
    return pyarrow, pyarrow.parquet
