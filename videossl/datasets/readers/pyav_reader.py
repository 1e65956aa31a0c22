"""Frames of a video by their numbers, with PyAV (FFmpeg): exactly those that decoding the whole file in order gives."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from .frame_table import FrameTable, frame_table, packets_of, table_of_packets
from .h264 import sequence_of

# Containers of videos. FFmpeg also knows formats that name other files to read, playlists among them.
CONTAINERS = (
    '3gp',
    'amv',
    'asf',
    'avi',
    'dv',
    'flv',
    'gif',
    'h264',
    'hevc',
    'ivf',
    'm4v',
    'matroska',
    'mjpeg',
    'mov',
    'mpeg',
    'mpegts',
    'mpegvideo',
    'mxf',
    'nut',
    'obu',
    'ogg',
    'rm',
    'swf',
    'webm',
    'wtv',
    'yuv4mpegpipe',
)
OPTIONS = dict(protocol_whitelist='file', format_whitelist=','.join(CONTAINERS))
SKIPPING = ('h264', 'mpeg4')  # decoders that know which frames no other refers to, for certain and one by one


class PyAVReader:
    """Opens a video; :meth:`read_frames` decodes frames of it.

    Only what a frame refers to is decoded for it, from the key frame before it on; where containers do not tell which packet
    holds which frame, the file is decoded from its beginning.

    Args:
        path: of a file, never of anything else.
        num_threads: of the decoder; 0: as many as FFmpeg likes. With one, frames that nobody has asked for and no other refers
            to are passed over.

    Raises:
        ValueError: there is no video in it.
        OSError: it cannot be opened (PyAV's errors are such, or ValueErrors).
    """

    def __init__(self, path: str, num_threads: int = 1) -> None:
        self.container = None  # for __del__
        path = os.path.abspath(path)  # begins with a slash, and so never with the name of a protocol
        self.container = _opened(path)
        stream = self.container.streams.best('video')
        if stream is None:
            raise ValueError('it has no pictures')
        self.stream, self.size = stream, self.container.size
        self.num_threads = num_threads
        stream.codec_context.thread_count = num_threads
        if num_threads != 1:
            stream.codec_context.thread_type = 'AUTO'
        self.picture = _Picture(stream.codec_context.width, stream.codec_context.height)
        self.table = frame_table(self.container, stream, self.size)
        self.length = len(self.table) if self.table is not None else self._count()
        rate = stream.average_rate or stream.guessed_rate
        self.avg_fps = float(rate) if rate else 0.0
        self._last = None  # number of the frame that was read last
        self._onward = None  # goes on decoding where the last call has stopped

    def __len__(self) -> int:
        return self.length

    def _count(self) -> int:
        self.container.seek(0)
        return sum(1 for _ in self.container.decode(self.stream))

    def read_frames(self, indices: Sequence[int]) -> list[np.ndarray]:
        """Frames of strictly increasing numbers, uint8 RGB [H, W, 3], turned upright, each with memory of its own.

        Raises:
            ValueError: one of them cannot be decoded (PyAV's errors of damaged files are such).
        """
        indices = [int(index) for index in indices]
        if not indices:
            return []
        goes_on = self._last is not None and indices[0] > self._last
        self._last = indices[-1]
        if goes_on:  # who reads piece by piece shall not have the same frames decoded again and again
            found = self._read_onward(indices)
        else:
            self._onward = None
            found = self._read_runs(indices)
        if found is None and self.table is not None and self.table.is_guess:
            self._correct_table()
            found = self._read_runs(indices)
        if found is None:
            found = self._read_from_start(indices)
        missing = next((index for index in indices if index not in found), None)
        if missing is not None:
            raise ValueError(f'frame {missing} cannot be decoded')
        return [found[index] for index in indices]

    def _read_runs(self, indices: list[int]) -> dict[int, np.ndarray] | None:
        """By the table; None where it proves to be wrong."""
        if self.table is None:
            return None
        found = {}
        try:
            for start, run in groupby(self._starts(indices), key=lambda pair: pair[0]):
                wanted = [index for _, index in run]
                for index, frame in _decoded(
                    self.container, self.stream, self.table, start, wanted, self.num_threads == 1
                ):
                    if index in wanted:
                        if frame.is_corrupt and start:
                            return None
                        found[index] = self.picture(frame)
        except _Surprise:
            return None
        return found if len(found) == len(indices) else None

    def _starts(self, indices: list[int]) -> Iterator[tuple[int, int]]:
        """(where decoding begins, number) of each frame. It goes on where no key frame spares decoding any."""
        start = reached = -1
        for index, nearest, place in zip(indices, self.table.starts_for(indices), self.table.order[indices].tolist()):
            if start < 0 or nearest > reached + 1:  # to the very next one decoding goes on by itself
                start = nearest
            reached = max(reached, place)
            yield start, index

    def _read_onward(self, indices: list[int]) -> dict[int, np.ndarray] | None:
        """In one pass over calls; None where something is missing."""
        start = 0 if self.table is None else self.table.starts_for(indices[:1])[0]
        if self._onward is None or start > self._onward[0]:
            frames = (
                enumerate(_all_frames(self.container, self.stream))
                if self.table is None
                else _decoded(self.container, self.stream, self.table, start, None, False)
            )
            self._onward = [start, frames]
        found, wanted = {}, set(indices)
        try:
            for index, frame in self._onward[1]:
                if self.table is not None and index >= 0:
                    self._onward[0] = max(self._onward[0], int(self.table.order[index]))
                if index in wanted:
                    found[index] = self.picture(frame)
                if index >= indices[-1]:
                    break
        except _Surprise:
            pass
        if len(found) < len(indices):
            self._onward = None
            return None
        return found

    def _read_from_start(self, indices: list[int]) -> dict[int, np.ndarray]:
        found, wanted = {}, set(indices)
        by_time = self.table is not None and self.table.by_time
        for number, frame in enumerate(_all_frames(self.container, self.stream)):
            index = self.table.index_of.get(frame.pts) if by_time else number
            if index in wanted:
                found[index] = self.picture(frame)
                if len(found) == len(wanted):
                    break
        return found

    def _correct_table(self) -> None:
        table = table_of_packets(self.container, self.stream, self.size)
        found = len(table) if table is not None else self._count()
        if found != self.length:
            raise ValueError(f'it has {found} frames, but its index {self.length}')
        self.table, self._onward = table, None

    def close(self) -> None:
        """Close the file. Happens by itself with the reader's end."""
        self._onward = None
        container, self.container = self.container, None
        if container is not None:
            container.close()

    def __del__(self) -> None:
        if getattr(self, 'container', None) is not None:
            self.close()


def _opened(path: str) -> Any:
    """A container of PyAV, which knows the size of its pictures and by how many frames they are out of order.

    FFmpeg finds that out by decoding some frames, and all other tracks', which takes as long as everything else that is done
    to open a file. Where an MP4 file tells it in so many words nothing is decoded.
    """
    with open(path, 'rb') as file:
        is_mp4 = file.read(8)[4:] == b'ftyp'
    settings = dict(metadata_errors='ignore')  # XviD files carry titles that are not UTF-8
    if is_mp4:
        container = av.open(path, options=dict(OPTIONS, codec_whitelist='none'), **settings)
        if _is_told(container.streams):
            return container
        container.close()
    return av.open(path, options=dict(OPTIONS), **settings)


def _is_told(streams: Any) -> bool:
    if len(streams.video) != 1 or not streams.video[0].average_rate or streams.video[0].codec_context.name != 'h264':
        return False
    context = streams.video[0].codec_context
    width, height, delay = sequence_of(context.extradata or b'') or (None, None, None)
    # Frames out of order are known to the container, which has found out itself.
    return (width, height) == (context.width, context.height) and bool(delay) == context.has_b_frames


class _Surprise(Exception):
    """A table and what is decoded contradict each other."""


class _Picture:
    """An upright RGB picture, uint8 [H, W, 3], of a decoded frame; all of a video have one size."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height) if width > 0 and height > 0 else (None, None)
        self.reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        # Its rows may lie apart, which OpenCV and NumPy take as it is.
        picture = self.reformatter.reformat(frame, *self.size, format='rgb24', threads=1).to_ndarray()
        turns = round(frame.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def _all_frames(container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    container.seek(0)
    with closing(container.demux(stream)) as packets:  # see packets_of; the empty one at the end is wanted here
        for packet in packets:
            yield from packet.decode()


def _decoded(
    container: Any, stream: Any, table: FrameTable, start: int, wanted: list[int] | None, skip: bool
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decode from a key frame on.

    Args:
        container, stream, table: of the video; not the reader, which would be kept alive by the iterator that it keeps.
        start: place in the table.
        wanted: numbers of the frames to decode; decoding ends with the last of them. None: all to the end.
        skip: pass over what is not wanted and no other frame refers to.

    Yields:
        (number, or -1 for one that belongs before ``start``; frame) in the order in which they are shown.
    """
    context = stream.codec_context
    skip = skip and wanted is not None and context.codec.canonical_name in SKIPPING
    last = int(table.packets[-1]) if wanted is None else int(table.packets[table.order[wanted]].max())
    needed = None
    if skip:
        needed = np.zeros(max(last, int(table.packets[-1])) + 2, bool)
        needed[table.packets[table.order[wanted]]] = True
        needed = needed.tolist()
    expected = None if table.by_time else iter(_expected(table, start, last, wanted if skip else None))
    index_of = table.index_of
    context.skip_frame = 'DEFAULT'
    first, skipping = int(table.packets[start]), False
    for number, packet in _packets_from(container, stream, table, first):
        if number > last:
            break
        if skip and skipping is needed[number]:
            skipping = not needed[number]
            context.skip_frame = 'NONREF' if skipping else 'DEFAULT'
        for frame in context.decode(packet):
            yield (index_of.get(frame.pts, -1) if expected is None else next(expected, -1)), frame
    context.skip_frame = 'DEFAULT'
    for frame in context.decode(None):  # what it has held back to put frames in order
        yield (index_of.get(frame.pts, -1) if expected is None else next(expected, -1)), frame


def _expected(table: FrameTable, start: int, last: int, wanted: list[int] | None) -> list[int]:
    """Numbers of the frames that come, in order, when decoding from ``start`` to the packet ``last``."""
    places = np.arange(len(table.when))
    comes = table.shown & (places >= start) & (table.packets <= last) & (table.when >= table.when[start])
    if wanted is not None:
        asked = np.zeros(len(comes), bool)
        asked[table.order[wanted]] = True
        comes &= asked | ~table.disposable
    return np.flatnonzero(comes[table.order]).tolist()


def _packets_from(container: Any, stream: Any, table: FrameTable, first: int) -> Iterator[tuple[int, Any]]:
    if table.kept is not None:
        stream.codec_context.flush_buffers()
        yield from enumerate(table.kept[first:], first)
        return
    position = int(table.positions[first])
    for target in (int(table.times[first]), None):
        if target is None:
            container.seek(0)
        else:
            container.seek(target, stream=stream, backward=True)
        packets = packets_of(container, stream)
        for packet in packets:
            if packet.pos == position:
                yield first, packet
                yield from enumerate(packets, first + 1)
                return
            if packet.pts is not None and target is not None and packet.pts > target and packet.is_keyframe:
                break  # gone past it
    raise _Surprise('a packet is not where it was')
