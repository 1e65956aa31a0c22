"""Damage that a container shows by itself, and that FFmpeg does not report."""

import os
import zlib
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import numpy as np

from .shards import place_of

CUT = 'it is cut off: it is shorter than its container says'
CHUNK = 2**20  # bytes that are read at once

# Elements of Matroska and WebM (RFC 9559, RFC 8794).
SEGMENT, CLUSTER, CRC_32 = 0x18538067, 0x1F43B675, 0xBF
LONGEST = 12  # bytes of an element's mark and size

# Packets of transport streams (ISO/IEC 13818-1), 4 bytes of time before them or 16 of error correction behind them.
SYNC, PACKET, STEPS = 0x47, 188, (188, 192, 204)
RECOGNISED = 5  # packets, by which a stream's step is found


def check_container(path: str, format_name: str, heartbeat: Callable[[], None]) -> None:
    """Check a file's container, as far as it has marks of being whole.

    Matroska and WebM: sizes and marks of the elements, and the checksums of clusters, which FFmpeg's muxer writes into Matroska.
    MPEG transport streams: each packet's first byte, and whether the last packet is whole. Other containers: nothing.

    Args:
        path: a file's path, or that of a video in a shard (:mod:`.shards`).
        format_name: FFmpeg's name of the container.
        heartbeat: called again and again, since large files take long.

    Raises:
        ValueError: the file is cut off or damaged.
    """
    if 'matroska' not in format_name and 'mpegts' not in format_name:
        return
    name, begin, size = place_of(path)
    with open(name, 'rb') as file:
        end = os.fstat(file.fileno()).st_size if size is None else begin + size
        if 'matroska' in format_name:
            _check_matroska(file, begin, end, heartbeat)
        else:
            _check_transport_stream(file, begin, end, heartbeat)


class _Element(NamedTuple):
    """An element of Matroska.

    Args:
        identity: its mark.
        content: byte position of its content.
        end: byte position behind it; None: its size is unknown, as in a live stream.
    """

    identity: int
    content: int
    end: int | None


def _check_matroska(file: BinaryIO, begin: int, end: int, heartbeat: Callable[[], None]) -> None:
    """Go through the elements of a file's first segment, and into its clusters."""
    position, bounds = begin, [end]  # the innermost element last
    while position < bounds[-1]:
        element = _element_at(file, position)
        if element is None:
            raise ValueError(CUT if position + LONGEST > end else _damaged_at(position - begin))
        if element.end is not None and element.end > bounds[-1]:
            raise ValueError(CUT if element.end > end else _damaged_at(position - begin))
        if element.identity == SEGMENT:
            bounds = [end if element.end is None else element.end]  # what lies behind it is not looked at
            position = element.content
        elif element.identity == CLUSTER:
            heartbeat()
            if element.end is not None:
                if not _is_checksum_right(file, element.content, element.end):
                    raise ValueError(_damaged_at(position - begin))
                bounds.append(element.end)
            position = element.content
        elif element.end is None:
            return
        else:
            position = element.end
        while len(bounds) > 1 and position >= bounds[-1]:
            bounds.pop()


def _element_at(file: BinaryIO, position: int) -> _Element | None:
    """The element that begins at a byte position; None: none does."""
    file.seek(position)
    head = file.read(LONGEST)
    # Zeros before the first one tell how many bytes a number has.
    first = 9 - head[0].bit_length() if head else 9
    second = 9 - head[first].bit_length() if first < len(head) else 9
    if first > 4 or second > 8 or len(head) < first + second:
        return None
    content, largest = position + first + second, 2 ** (7 * second) - 1
    size = int.from_bytes(head[first : first + second], 'big') & largest
    return _Element(int.from_bytes(head[:first], 'big'), content, None if size == largest else content + size)


def _is_checksum_right(file: BinaryIO, begin: int, end: int) -> bool:
    """Whether the content of an element has the checksum that its first element names, if that is one."""
    file.seek(begin)
    head = file.read(min(6, end - begin))
    if head[:2] != bytes([CRC_32, 0x84]):
        return True
    found, left = 0, end - begin - 6
    while left > 0 and (content := file.read(min(left, CHUNK))):
        found, left = zlib.crc32(content, found), left - len(content)
    return found == int.from_bytes(head[2:], 'little')


def _check_transport_stream(file: BinaryIO, begin: int, end: int, heartbeat: Callable[[], None]) -> None:
    """Look for the mark that each packet begins with. Anything may lie before the first and behind the last packet."""
    file.seek(begin)
    step, first = _step_of(file.read(min(end - begin, (RECOGNISED + 1) * STEPS[-1])))
    if not step:
        return
    position, marks = begin + first, []
    file.seek(position)
    while content := file.read(max(0, min(end - position, step * (CHUNK // step)))):
        marks.append(np.frombuffer(content, np.uint8)[::step] == SYNC)
        position += len(content)
        heartbeat()
    is_marked = np.concatenate(marks)
    last = int(np.flatnonzero(is_marked)[-1])
    if not is_marked[:last].all():
        raise ValueError(_damaged_at(first + step * int(np.argmin(is_marked))))
    if begin + first + step * last + PACKET > end:
        raise ValueError('it is cut off: its last packet is not whole')


def _step_of(head: bytes) -> tuple[int, int]:
    """Bytes from one packet to the next, and before the first one; (0, 0): these are no packets, or too few."""
    marks = np.frombuffer(head, np.uint8) == SYNC
    for step in STEPS:
        for first in range(step):
            found = marks[first::step][:RECOGNISED]
            if len(found) == RECOGNISED and found.all():
                return step, first
    return 0, 0


def _damaged_at(position: int) -> str:
    return f'it is damaged: its container is broken at byte {position}'
