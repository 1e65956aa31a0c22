"""Videos read with PyAV, which is FFmpeg: each frame is the one that decoding the whole file in order gives."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from .decoder import Decoder, Numbered
from .frame_index import FrameIndex, build_index, checksum, compact_index
from .index_store import load_index, save_index


class PyAVReader:
    """Opens a video; :meth:`read_frames` decodes frames of it.

    A file written by ``tools/data/compact.py`` tells where its frames are. For any other file a
    :class:`~videossl.datasets.readers.frame_index.FrameIndex` is loaded, or made by decoding the whole file, and kept.

    Args:
        path: a file's path, never a URL.
        num_threads: threads of the decoder; 0: as many as FFmpeg likes. With one, frames that are not asked for and that no
            frame refers to are left out, in files where the index has proven that this is right.

    Raises:
        ValueError: there is no video in the file, or it is damaged.
        OSError: the file cannot be opened (PyAV's errors are OSErrors or ValueErrors).
    """

    def __init__(self, path: str, num_threads: int = 1) -> None:
        self.path, self.num_threads = path, num_threads
        self._last = -1  # number of the frame that was read last
        self._pass: tuple[int, Numbered] | None = None  # number of a seek point, and decoding from it
        decoder = Decoder(path, num_threads, quick=True) if _is_mp4(path) else None
        index = compact_index(decoder) if decoder is not None else None
        self._use(index or load_index(path) or _built(path), decoder)

    def _use(self, index: FrameIndex, decoder: Decoder | None = None) -> None:
        if decoder is None or (decoder.stream_index, decoder.quick) != (index.stream, index.quick):
            decoder = Decoder(self.path, self.num_threads, index.stream, index.quick)
        self.decoder, self.index, self.picture = decoder, index, index.picture()
        self._skips = index.skips and self.num_threads == 1
        self.avg_fps = index.rate

    def __len__(self) -> int:
        return len(self.index)

    def read_frames(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Frames of strictly increasing numbers, uint8 RGB [H, W, 3], upright, each with memory of its own.

        If the file and its index contradict each other, the index is made anew.

        Raises:
            ValueError: the file has changed, or is damaged (PyAV's errors of damaged files are such).
        """
        indices = [int(index) for index in indices]
        try:
            found = self._read(indices)
        except (ValueError, OSError):
            self._end_pass()
            length, index = len(self), _built(self.path)
            if len(index) != length:
                raise ValueError(f'it has {len(index)} frames, but its index {length}') from None
            self._use(index)
            found = self._read(indices)
        return [found[index] for index in indices]

    def _read(self, indices: list[int]) -> dict[int, np.ndarray]:
        found: dict[int, np.ndarray] = {}
        # A video that is read piece by piece is decoded in one pass, in which nothing is left out.
        goes_on = bool(indices) and indices[0] > self._last >= 0
        for point, run in groupby(zip(self.index.points_of(indices), indices), key=lambda pair: pair[0]):
            self._read_run(point, {number for _, number in run}, goes_on, found)
        self._last = indices[-1] if indices else self._last
        return found

    def _read_run(self, point: int, missing: set[int], goes_on: bool, found: dict[int, np.ndarray]) -> None:
        """Read frames that have one seek point."""
        if goes_on and self._pass is not None and self._pass[0] == point:
            self._take(missing, found)
        if missing:
            self._end_pass()
            start = self.index.points[point] if point >= 0 else None
            self._pass = (
                point,
                (
                    self.index.decode(self.decoder, start, self.index.frames_of(point))
                    if goes_on
                    else self.index.decode(self.decoder, start, sorted(missing), self._skips)
                ),
            )
            self._take(missing, found)
        if missing:
            raise ValueError(f'frame {min(missing)} cannot be decoded')
        if not goes_on:
            self._end_pass()

    def _take(self, missing: set[int], found: dict[int, np.ndarray]) -> None:
        """Move frames from the decoder to ``found``, until none is missing."""
        point, delivered = self._pass
        proof = self.index.points[point] if point >= 0 else None
        for number, frame in delivered:
            is_proof = proof is not None and number == proof.frame and proof.checksum >= 0
            if number in missing or is_proof:
                picture = self.picture(frame)
                if is_proof and checksum(picture) != proof.checksum:
                    raise ValueError(f'frame {number} is not the one that its index knows')
                if number in missing:
                    missing.remove(number)
                    found[number] = picture
                    if not missing:
                        return

    def _end_pass(self) -> None:
        if self._pass is not None:
            self._pass[1].close()
            self._pass = None

    def close(self) -> None:
        """Close the file. This also happens when nothing refers to the reader any longer."""
        self._end_pass()
        self.decoder.close()


def _is_mp4(path: str) -> bool:
    with open(path, 'rb') as file:
        return file.read(8)[4:] == b'ftyp'


def _built(path: str) -> FrameIndex:
    index = build_index(path)
    save_index(path, index)
    return index
