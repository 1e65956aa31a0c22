"""Which packet of a video holds which frame, found without decoding where that is certain."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from . import mpeg4

# Containers whose times are the frames' own, and codecs with one frame a packet (VP8 and VP9: that is looked up).
TIMED_CONTAINERS = ('mov', 'matroska', 'flv')
CODECS = (
    'h264',
    'hevc',
    'av1',
    'vp9',
    'vp8',
    'mjpeg',
    'ffv1',
    'flv1',
    'h263',
    'msmpeg4v1',
    'msmpeg4v2',
    'msmpeg4v3',
    'prores',
    'dnxhd',
    'huffyuv',
    'ffvhuff',
    'rawvideo',
    'png',
)
KEPT_BYTES = 16 * 2**20  # packets of so large a file are kept in memory, since they have been read already


@dataclass
class FrameTable:
    """The frames of a video, as they are decoded.

    Args:
        packets: int [N], the packet that each one comes of.
        when: int [N], by which they are in the order in which they are shown: times, or places.
        keys: bool [N], whether decoding may begin there.
        shown: bool [N], whether it is shown at all.
        positions: int [P], where each packet lies in the file, in bytes.
        times: int [P], the packets' times, to seek by.
        by_time: ``when`` is the time of the decoded frame. Else frames are told by the order in which they come.
        disposable: bool [N], which of them no other refers to; None: the decoder finds out, if it can.
        is_guess: made of the container's index; the packets may say otherwise.
        kept: the packets, if they are in memory.
    """

    packets: np.ndarray
    when: np.ndarray
    keys: np.ndarray
    shown: np.ndarray
    positions: np.ndarray
    times: np.ndarray
    by_time: bool = True
    disposable: np.ndarray | None = None
    is_guess: bool = False
    kept: list | None = None

    def __len__(self) -> int:
        return len(self.order)

    @cached_property
    def order(self) -> np.ndarray:
        """The places of the frames that are shown, in the order in which they are."""
        places = np.flatnonzero(self.shown)
        return places[np.argsort(self.when[places], kind='stable')]

    @cached_property
    def index_of(self) -> dict[int, int]:
        """Number of the shown frame, by its ``when``."""
        return {when: index for index, when in enumerate(self.when[self.order].tolist())}

    @cached_property
    def starts(self) -> np.ndarray:
        """Where decoding may begin."""
        return np.flatnonzero(self.keys)

    def starts_for(self, indices: list[int]) -> list[int]:
        """The last place from which on decoding gives each frame (a key frame that is not shown after it)."""
        found = np.searchsorted(self.when[self.starts], self.when[self.order[indices]], side='right')
        return self.starts[np.maximum(found - 1, 0)].tolist()

    def is_sound(self) -> bool:
        """Whether frames can be told from each other, and all of them can be decoded as far as the packets say."""
        if not len(self.when) or not self.keys[0] or not _are_distinct(self.positions):
            return False
        if np.any(np.diff(self.when[self.starts]) <= 0):
            return False
        # What comes after the first key frame and is shown before it refers to what is not there.
        shown = self.when[self.shown]
        return _are_distinct(shown) and (len(shown) == 0 or bool(shown.min() >= self.when[0]))


def _are_distinct(values: np.ndarray) -> bool:
    return bool(np.all(values[1:] > values[:-1])) or len(np.unique(values)) == len(values)


def frame_table(container: Any, stream: Any, size: int) -> FrameTable | None:
    """The table of a video's frames; None where only decoding it tells how many there are.

    Args:
        container: an opened file of PyAV; where it stands afterwards is undefined.
        stream: the video in it.
        size: of the file, in bytes.
    """
    codec = stream.codec_context.codec.canonical_name
    names = container.format.name.split(',')
    if codec == 'mpeg4' and (names[0] in TIMED_CONTAINERS or names[0] == 'avi'):
        return _checked(_of_mpeg4(container, stream, size))
    if codec not in CODECS or not (
        names[0] in TIMED_CONTAINERS or names[0] == 'avi' and not stream.codec_context.has_b_frames
    ):
        return None
    if names[0] == 'mov' and not stream.codec_context.has_b_frames:
        table = _of_index(container, stream)
        if table is not None:
            return table
    return table_of_packets(container, stream, size)


def _checked(table: FrameTable | None) -> FrameTable | None:
    return table if table is not None and table.is_sound() else None


def packets_of(container: Any, stream: Any) -> Iterator[Any]:
    """The packets from where the container stands that hold something."""
    with closing(
        container.demux(stream)
    ) as packets:  # PyAV leaves memory behind with one that is dropped before its end
        yield from (packet for packet in packets if packet.size)


def _of_index(container: Any, stream: Any) -> FrameTable | None:
    """By the container's index alone, which spares reading the file; None where it cannot be trusted."""
    entries = list(stream.index_entries)
    first = next(packets_of(container, stream), None)
    # Its times are those of decoding. Without frames out of order the times of showing equal them, or are later.
    if not entries or first is None or first.pts != entries[0].timestamp or first.pos != entries[0].pos:
        return None
    times, positions = np.array([entry.timestamp for entry in entries]), np.array([entry.pos for entry in entries])
    keys, discarded = (
        np.array([entry.is_keyframe for entry in entries]),
        np.array([entry.is_discard for entry in entries]),
    )
    return _checked(FrameTable(np.arange(len(times)), times, keys, ~discarded, positions, times, is_guess=True))


def table_of_packets(container: Any, stream: Any, size: int) -> FrameTable | None:
    """By the packets, all of which are read; None where they do not tell."""
    container.seek(0)
    codec, packets, rows = stream.codec_context.codec.canonical_name, [], []
    may_hide, keep = codec in ('vp8', 'vp9'), size <= KEPT_BYTES
    for packet in packets_of(container, stream):
        hidden = packet.is_discard or may_hide and is_hidden(codec, bytes(packet))
        rows.append((packet.pts, packet.pos, packet.is_keyframe, hidden))
        if keep:
            packets.append(packet)
    if not rows:
        return None
    times, positions, keys, hidden = zip(*rows)
    if None in times or None in positions or min(positions) < 0:
        return None
    times, positions = np.array(times), np.array(positions)
    return _checked(
        FrameTable(
            np.arange(len(times)),
            times,
            np.array(keys),
            ~np.array(hidden),
            positions,
            times,
            kept=packets if keep else None,
        )
    )


def is_hidden(codec: str, packet: bytes) -> bool:
    """Whether a packet of VP8 or VP9 holds a frame that others refer to and that is not shown."""
    first = packet[0]
    if codec == 'vp8':  # RFC 6386, 9.1
        return not first >> 4 & 1
    if packet[-1] & 0xE0 == 0xC0:  # VP9's annex B: several frames, of which one is shown
        return False
    shift = 4 if first >> 4 & 3 != 3 else 3  # after the marker and the profile, which is one bit longer when it is 3
    shows_existing, shown = first >> (shift - 1) & 1, first >> (shift - 3) & 1
    return not shows_existing and not shown


def _of_mpeg4(container: Any, stream: Any, size: int) -> FrameTable | None:
    keep, time_bits = size <= KEPT_BYTES, mpeg4.bits_of_time(stream.codec_context.extradata or b'')
    packets, positions, times, rows = [], [], [], []
    for packet in packets_of(container, stream):
        if packet.dts is None or packet.pos is None or packet.pos < 0:
            return None
        content = bytes(packet)
        if packet.is_keyframe or time_bits is None:
            time_bits = mpeg4.bits_of_time(content[:256]) or time_bits
        if time_bits is None:
            return None
        number = len(positions)
        for place, (kind, is_picture) in enumerate(mpeg4.frames_of(content, time_bits)):
            if is_picture:
                # The second one of a packet is decoded when the next packet comes.
                rows.append((number + min(place, 1), kind, place == 0 and packet.is_keyframe and kind == mpeg4.INTRA))
        positions.append(packet.pos)
        times.append(packet.dts)
        if keep:
            packets.append(packet)
    rows = [row for row in rows if row[0] < len(positions)]  # behind the last packet none comes
    if not rows:
        return None
    numbers, kinds, keys = (np.array(column) for column in zip(*rows))
    order = mpeg4.shown_order(kinds.tolist())
    when, shown = np.full(len(rows), -1), np.zeros(len(rows), bool)
    when[order], shown[order] = np.arange(len(order)), True
    return FrameTable(
        numbers,
        when,
        keys,
        shown,
        np.array(positions),
        np.array(times),
        by_time=False,
        disposable=kinds == mpeg4.BIDIRECTIONAL,
        kept=packets if keep else None,
    )
