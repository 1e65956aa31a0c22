"""Videos read with PyAV, which is FFmpeg: each frame is the one that decoding the whole file in order gives."""

from collections.abc import Sequence

import numpy as np

from .decoder import Decoder, Numbered
from .frame_index import FrameIndex, SeekPoint, build_index, checksum, compact_index
from .index_store import load_index, save_index
from .other_readers import scaled
from .shards import place_of


class PyAVReader:
    """Opens a video; :meth:`read_frames` decodes frames of it.

    A file written by ``tools/data/compact.py`` tells where its frames are. For any other file a
    :class:`~videossl.datasets.readers.frame_index.FrameIndex` is loaded, or made by decoding the whole file, and kept.

    Args:
        path: a file's path, never a URL, or that of a video in a shard (:mod:`.shards`).
        num_threads: threads of the decoder; 0: as many as FFmpeg likes. With one, frames that are not asked for and that no
            frame refers to are left out, in files where the index has proven that this is right.

    Raises:
        ValueError: there is no video in the file, or it is damaged.
        OSError: the file cannot be opened (PyAV's errors are OSErrors or ValueErrors).
    """

    def __init__(self, path: str, num_threads: int = 1) -> None:
        self.path, self.num_threads = path, num_threads
        self._last = -1  # number of the frame that was read last
        self._pass: tuple[SeekPoint | None, Numbered] | None = None  # where it began, and what it delivers
        decoder = Decoder(path, num_threads, quick=True) if _is_mp4(path) else None
        index = compact_index(decoder) if decoder is not None else None
        self._use(index or load_index(path) or _built(path), decoder)

    def _use(self, index: FrameIndex, decoder: Decoder | None = None) -> None:
        if decoder is None or (decoder.stream_index, decoder.quick) != (index.stream, index.quick):
            decoder = Decoder(self.path, self.num_threads, index.stream, index.quick)
        self.decoder, self.index, self.picture = decoder, index, index.picture()
        self._is_unproven = not index.continues
        decoder.keeps_decoder = index.continues
        self._skips = index.skips and self.num_threads == 1
        self.avg_fps = index.rate

    def __len__(self) -> int:
        return len(self.index)

    @property
    def picture_shape(self) -> tuple[int, int]:
        """(H, W) of the pictures."""
        width, height = self.index.size
        orientation = self.index.orientation
        return (width, height) if orientation is not None and orientation.swaps else (height, width)

    def read_frames(self, indices: Sequence[int], size: tuple[int, int] | None = None) -> list[np.ndarray]:
        """Frames of strictly increasing numbers, uint8 RGB [H, W, 3], upright, each with memory of its own.

        Args:
            indices: numbers of the frames.
            size: (width, height) to which each frame is scaled as soon as it is decoded; None: as they are.

        If the file and its index contradict each other, the index is made anew.

        Raises:
            ValueError: the file has changed, or is damaged (PyAV's errors of damaged files are such).
        """
        indices = [int(index) for index in indices]
        try:
            found = self._read(indices, size)
        except (ValueError, OSError):
            self._end_pass()
            length, index = len(self), _built(self.path)
            if len(index) != length:
                raise ValueError(f'it has {len(index)} frames, but its index {length}') from None
            self._use(index)
            found = self._read(indices, size)
        return [found[index] for index in indices]

    def _read(self, indices: list[int], size: tuple[int, int] | None) -> dict[int, np.ndarray]:
        found: dict[int, np.ndarray] = {}
        # A video that is read piece by piece is decoded in one pass, in which nothing is left out.
        goes_on = bool(indices) and indices[0] > self._last >= 0
        if not goes_on:
            self._end_pass()
        for start, wanted in self._runs(indices):
            missing = set(wanted)
            if start is None:
                self._take(missing, found, size)
            if missing:
                start = self.index.points_of([min(missing)])[0] if start is None else start
                self._begin_pass(start, None if goes_on else wanted)
                self._take(missing, found, size)
            if missing:
                raise ValueError(f'frame {min(missing)} cannot be decoded')
        if not goes_on:
            self._end_pass()
        self._last = indices[-1] if indices else self._last
        return found

    def _runs(self, indices: list[int]) -> list[tuple[int | None, list[int]]]:
        """(number of the seek point to begin at, or None to go on in the pass that is open; frames)."""
        runs: list[tuple[int | None, list[int]]] = []
        last = self._last if self._pass is not None else -2
        current = self.index.points_of([last])[0] if last >= 0 else None
        for point, index in zip(self.index.points_of(indices), indices):
            # A seek to the very next frame would save nothing.
            goes_on = self.index.continues and point >= 0 and self.index.points[point].frame <= last + 1
            if current is None or point != current and not goes_on:
                runs.append((point, []))
            elif not runs:
                runs.append((None, []))
            runs[-1][1].append(index)
            current, last = point, index
        return runs

    def _begin_pass(self, point: int, wanted: list[int] | None) -> None:
        """Decode from a seek point; ``wanted``: these frames only, else all that may be read in this pass."""
        self._end_pass()
        start = self.index.points[point] if point >= 0 else None
        frames = wanted or self.index.frames_of(point)
        delivered = self.index.decode(self.decoder, start, frames, self._skips and wanted is not None)
        self._pass = start, delivered

    def _take(self, missing: set[int], found: dict[int, np.ndarray], size: tuple[int, int] | None) -> None:
        """Move frames from the open pass to ``found``, until none is missing."""
        assert self._pass is not None
        start, delivered = self._pass
        # The first pass from a seek point shows whether file and index still belong together.
        proof = start if start is not None and self._is_unproven else None
        for number, frame in delivered:
            # All other files were decoded as a whole when their index was made.
            if self.index.continues and frame.is_corrupt:
                raise ValueError(f'frame {number} is damaged')
            if proof is not None and number == proof.frame:
                if checksum(frame) != proof.checksum:
                    raise ValueError(f'frame {number} is not the one that its index knows')
                self._is_unproven, proof = False, None
            if number in missing:
                missing.remove(number)
                picture = self.picture(frame)
                found[number] = picture if size is None else scaled(picture, size)
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
    place = place_of(path)
    with open(place.file, 'rb') as file:
        file.seek(place.start)
        return file.read(8)[4:] == b'ftyp'


def _built(path: str) -> FrameIndex:
    index = build_index(path)
    save_index(path, index)
    return index
