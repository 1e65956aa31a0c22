"""Features of videos, one for each view, and the file that holds them."""

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videossl.files import whole_file

AVERAGED_OVER = ('clips', 'crops')


@dataclass
class ClipFeatures:
    """What a backbone makes of the views of each video: the input of every evaluation.

    Attributes:
        features: float32 [N, K, D], N videos with K views each, clip after clip and within a clip crop after crop;
            pooled over time and space, but neither averaged over the views nor normalised.
        labels: int64 [N], as the list of videos gives them, also for videos that could not be read; None where it gives
            none.
        paths: N paths, as in the list.
        readable: bool [N]; False: the video could not be read, and its features are zeros.
        protocol: how they were made, in plain types: ``clips`` and ``crops`` (of each video), ``clip_len``,
            ``frame_interval``, ``size``, ``pooling``, ``split`` (the list's name), ``config``, ``checkpoint``, and
            more.

    Raises:
        ValueError: the parts do not fit together.
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
        """Mean over the views of each video, in fp32; that of a video that could not be read is zeros.

        Args:
            over: ``'clips'``: over all views, [N, D]. ``'crops'``: over the crops of each clip, [N, clips, D].
            normalise: scale each view to length 1 first; the mean is not scaled again.

        Raises:
            ValueError: ``over`` is neither, or the protocol's number of crops does not divide the views.
        """
        if over not in AVERAGED_OVER:
            raise ValueError(f'averaged: over must be one of {AVERAGED_OVER}, got {over!r}')
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
        ``.parquet`` file (one row a video); whole or not at all.

        Raises:
            ValueError: the name ends otherwise, or the protocol is not of plain types.
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
            ValueError: it is something else, or damaged.
            ImportError: ``.parquet`` without pyarrow.
        """
        path = Path(path)
        read = dict(npz=_read_npz, parquet=_read_parquet)[file_format(path)]
        if not path.is_file():
            raise FileNotFoundError(f'there is no file {path}')
        try:
            return cls(**read(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
            # KeyError's text is the bare name of what is missing.
            reason = f'it has no {error}' if isinstance(error, KeyError) else error
            raise ValueError(f'{path} is no whole file of features that videossl wrote: {reason}') from error


def file_format(path: str | os.PathLike) -> str:
    """``'npz'`` or ``'parquet'``, by the ending of a file's name.

    Raises:
        ValueError: it ends otherwise.
        ImportError: pyarrow is needed and missing.
    """
    ending = Path(path).suffix.lower().removeprefix('.')
    if ending not in ('npz', 'parquet'):
        raise ValueError(f'features are kept in .npz or .parquet files; {path} ends otherwise')
    if ending == 'parquet':
        _import_pyarrow()
    return ending


def _write_npz(features: ClipFeatures, path: Path, protocol: str) -> None:
    arrays = dict(
        features=features.features,
        paths=np.array(features.paths, dtype=np.str_),
        readable=features.readable,
        protocol=np.array(protocol),
    )
    if features.labels is not None:
        arrays['labels'] = features.labels
    with open(path, 'wb') as file:  # np.savez appends an ending to a name, not to a file
        np.savez(file, **arrays)


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
    # Features are all but random, so a dictionary of them only costs time.
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


def _import_pyarrow():
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            '.parquet files need pyarrow: pip install pyarrow; or choose .npz, which needs nothing'
        ) from None
    return pyarrow, pyarrow.parquet
