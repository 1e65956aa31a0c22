"""Where the frames of a video are, found by decoding the whole file once, and from which packets decoding may begin."""

import mmap
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import av
import numpy as np

from .containers import check_container
from .decoder import Decoder, Numbered, Orientation, Picture

SKIPPING = ('h264', 'hevc', 'mpeg4')  # codecs whose frames say whether another one refers to them
MAX_REFUSED = 8  # seek points that prove wrong for the frames behind them, before earlier ones are not tried
# The container's comment in the files that tools/data/compact.py writes. The number is that of :func:`layout_of`.
MARK = 'videossl compact 1 {:08x}'


def _nobody_waits() -> None:
    pass


# Called with each frame while an index is made, and while its container is checked. A process that reads for another one tells it
# by this that it is at work.
heartbeat: Callable[[], None] = _nobody_waits


class SeekPoint(NamedTuple):
    """A packet from which decoding gives the right frames.

    Args:
        frame: number of the first right frame.
        packet: number of the packet.
        target: timestamp that a seek to it is given.
        position: byte position of the packet in the file.
        checksum: of that frame, by :func:`checksum`; -1 in files of ``tools/data/compact.py``.
    """

    frame: int
    packet: int
    target: int
    position: int
    checksum: int


@dataclass(frozen=True)
class FrameIndex:
    """The frames of a video in the order in which the decoder delivers them.

    Args:
        packets: int64 [N], number of the packet that each frame comes from. If two are equal, or one is -1 (unknown), frames
            are told by counting them from the beginning.
        points: seek points, ascending. Frames from one point to the next are read from that point; frames before the first
            point from the beginning of the file.
        stream: index of the stream in the container.
        size: (width, height) of the first frame as it is stored.
        orientation: of the first frame; None: no frame has a display matrix.
        rate: average frames per second; 0: unknown.
        quick: see :class:`Decoder`.
        skips: frames that no other frame refers to may be left out of decoding.
        continues: decoding may go on behind the next seek point.
    """

    packets: np.ndarray
    points: Sequence[SeekPoint]
    stream: int
    size: tuple[int, int]
    orientation: Orientation | None
    rate: float
    quick: bool = False
    skips: bool = False
    continues: bool = False

    def __len__(self) -> int:
        return len(self.packets)

    @cached_property
    def frame_of(self) -> dict[int, int]:
        """Number of the frame, by the packet it comes from."""
        return dict(zip(self.packets.tolist(), range(len(self))))

    @cached_property
    def is_identified(self) -> bool:
        """Whether each frame comes from a packet of its own."""
        return len(self.frame_of) == len(self) and -1 not in self.frame_of

    @cached_property
    def _bounds(self) -> np.ndarray:
        """The packets of all frames, sorted. A frame may take several packets (one a field): up to the next bound."""
        return np.append(np.sort(self.packets), 2**62)

    @cached_property
    def _first_frames(self) -> np.ndarray:
        return np.array([point.frame for point in self.points], np.int64)

    def picture(self) -> Picture:
        """A converter of decoded frames."""
        return Picture(self.size, self.orientation)

    def points_of(self, frames: Sequence[int]) -> list[int]:
        """Number of the seek point that each frame is read from; -1: the beginning of the file."""
        return (np.searchsorted(self._first_frames, frames, side='right') - 1).tolist()

    def frames_of(self, point: int) -> range:
        """Numbers of the frames that may be read from a seek point, or from the beginning (-1)."""
        first = self.points[point].frame if point >= 0 else 0
        is_last = self.continues or point + 1 == len(self.points)
        return range(first, len(self) if is_last else self.points[point + 1].frame)

    def decode(self, decoder: Decoder, point: SeekPoint | None, wanted: Sequence[int], skip: bool = False) -> Numbered:
        """Decode from a seek point, or from the beginning of the file, until all wanted frames are there.

        Args:
            decoder: of the file.
            point: one that the wanted frames are read from; None: the beginning.
            wanted: numbers of frames.
            skip: leave out frames that are not wanted and that no frame refers to.

        Yields:
            (number of the frame, or -1 for one that is not in the index; frame).
        """
        if not self.is_identified:
            yield from ((number, frame) for number, (_, frame) in enumerate(decoder.decode_start()))
            return
        packets = self.packets[np.asarray(wanted)]
        end = int(self._bounds[np.searchsorted(self._bounds, packets.max(), side='right')])
        needed = None
        if skip:
            ends = self._bounds[np.searchsorted(self._bounds, packets, side='right')]
            ends = np.minimum(ends, packets + 8)  # the last frame has no end
            needed = {
                packet for first, behind in zip(packets.tolist(), ends.tolist()) for packet in range(first, behind)
            }
        if point is None:
            delivered = decoder.decode_start(end, needed)
        else:
            delivered = decoder.decode_from(point.target, point.position, point.packet, end, needed)
        frame_of = self.frame_of
        with closing(delivered):
            for packet, frame in delivered:
                yield frame_of.get(packet, -1), frame


def checksum(frame: Any) -> int:
    """CRC-32 of all that a frame's picture depends on: its planes, and what they mean. They need not be converted to RGB."""
    meaning = (
        frame.format.name,
        frame.width,
        frame.height,
        frame.colorspace,
        frame.color_range,
        frame.color_primaries,
        frame.color_trc,
        frame.interlaced_frame,
        Orientation.of(frame),
    )
    found = zlib.crc32(repr(meaning).encode())
    components, planes = frame.format.components, frame.planes
    if len(components) != len(planes) or any(component.bits < 8 for component in components):
        return zlib.crc32(frame.reformat(format='rgb24').to_ndarray().tobytes(), found)
    for component, plane in zip(components, planes):
        rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
        # What lies behind the end of a row belongs to no picture.
        found = zlib.crc32(np.ascontiguousarray(rows[:, : plane.width * -(-component.bits // 8)]).data, found)
    return found


def build_index(path: str) -> FrameIndex:
    """Decode a whole file, and prove from which packets decoding gives the same frames.

    One pass notes each frame's packet and checksum. Then frames are read from each key frame as a reader reads them; see
    :meth:`_Proof.holds`. A key frame from which they are not the same is no seek point. So a file is decoded twice, or three
    to four times where frames may be left out that no other frame refers to. One pass cannot do: the decoder of the first pass
    knows all that came before a key frame, and what another decoder makes of the rest only shows when it decodes it.

    ``heartbeat`` is called with each frame, and while the container is checked.

    Raises:
        ValueError: the file has no video, or is damaged.
        OSError: it cannot be read.
    """
    with closing(Decoder(path)) as decoder:
        index, packets, checksums = _noted(decoder)
        proof, best = _Proof(index, checksums, _candidates(index, packets)), index
        skips = decoder.codec in SKIPPING
        for quick, skip in dict.fromkeys([(True, skips), (False, skips), (False, False)]):
            try:
                found = proof.of(Decoder(path, stream=index.stream, quick=True) if quick else decoder, skip)
            except (ValueError, OSError):
                continue
            if found is not None and (best is index or len(found.points) > len(best.points)):
                best = found
            if len(best.points) == len(proof.candidates):
                break
        return best


class Packet(NamedTuple):
    """What a container says of a packet."""

    is_key: bool
    position: int  # -1: unknown
    dts: int | None
    pts: int | None


def decode_whole(decoder: Decoder, packets: list[Packet]) -> Numbered:
    """Decode a whole file that must not be damaged.

    Args:
        decoder: of the file.
        packets: all packets are appended to it as they are decoded.

    Yields:
        (number of the packet that the frame comes from; None if the decoder does not say; frame).

    Raises:
        ValueError: the file is cut off or damaged, or has no frames.
    """
    name = decoder.container.format.name
    check_container(decoder.path, name, heartbeat)
    # Packets of a transport stream count as corrupt where a recording begins, and where two are joined.
    may_be_corrupt = 'mpegts' in name
    count = 0

    def damaged() -> ValueError:
        return ValueError(f'it is cut off or damaged: its first {count} frames are whole')

    def watch(packet: Any) -> None:
        if packet.is_corrupt and not may_be_corrupt:
            raise damaged()
        packets.append(Packet(packet.is_keyframe, -1 if packet.pos is None else packet.pos, packet.dts, packet.pts))

    with closing(decoder.decode_start(watch=watch)) as delivered:
        try:
            for number, frame in delivered:
                if frame.is_corrupt:
                    raise damaged()
                count += 1
                yield number, frame
        except av.error.InvalidDataError as error:
            raise damaged() from error
    # Tables of all packets: those of MP4 and MOV, and the index at the end of an AVI file.
    entries = decoder.stream.index_entries if 'mov' in name or 'avi' in name else ()
    expected = sum(entry.size > 0 for entry in entries)
    if expected > len(packets):
        raise ValueError(f'it is cut off or damaged: {len(packets)} of {expected} packets are there')
    if count == 0:
        raise ValueError('it has no frames')


def _noted(decoder: Decoder) -> tuple[FrameIndex, list[Packet], list[int]]:
    """An index without seek points, all packets, and each frame's checksum."""
    packets: list[Packet] = []
    numbers: list[int] = []
    checksums: list[int] = []
    with closing(decode_whole(decoder, packets)) as delivered:
        for packet, frame in delivered:
            if not numbers:
                picture = Picture.like(frame)
            numbers.append(-1 if packet is None else packet)
            checksums.append(checksum(frame))
            heartbeat()
    rate = decoder.stream.average_rate or decoder.stream.guessed_rate
    index = FrameIndex(
        np.array(numbers, np.int64),
        (),
        decoder.stream.index,
        picture.size,
        picture.orientation,
        float(rate) if rate else 0.0,
    )
    return index, packets, checksums


def _candidates(index: FrameIndex, packets: Sequence[Packet]) -> list[tuple[int, int, Packet]]:
    """(frame, number of the packet, packet) of each key frame, ascending."""
    positions = [packet.position for packet in packets]
    if not index.is_identified or len(set(positions)) < len(positions) or min(positions) < 0:
        return []
    found: list[tuple[int, int, Packet]] = []
    for number, packet in enumerate(packets):
        frame = index.frame_of.get(number, -1) if packet.is_key else -1
        if frame > (found[-1][0] if found else -1):
            found.append((frame, number, packet))
    return found


@dataclass(frozen=True)
class _Proof:
    """Tells which key frames are seek points.

    Args:
        index: one without seek points.
        checksums: of all frames.
        candidates: key frames, from :func:`_candidates`.
    """

    index: FrameIndex
    checksums: Sequence[int]
    candidates: Sequence[tuple[int, int, Packet]]

    def of(self, decoder: Decoder, skip: bool) -> FrameIndex | None:
        """The index with the seek points that are proven; None if not even the beginning of the file is one.

        Args:
            decoder: of the file.
            skip: frames that no frame refers to are to be left out.
        """
        begins = [frame for frame, *_ in self.candidates] + [len(self.index)]
        proven = []
        for (frame, number, packet), end in zip(self.candidates, begins[1:]):
            times = [time for time in dict.fromkeys((packet.dts, packet.pts)) if time is not None]
            target = next((time for time in times if decoder.lands(time, packet.position)), None)
            if target is not None:
                point = SeekPoint(frame, number, target, packet.position, self.checksums[frame])
                if self.holds(decoder, point, range(frame, end), skip):
                    proven.append((point, end))
        points: list[SeekPoint] = []
        end, refused = len(self.index), 0
        for point, proven_end in reversed(proven):
            # Frames of a key frame that is no seek point are read from the point before it.
            if proven_end == end or self.holds(decoder, point, range(point.frame, end), skip):
                points.insert(0, point)
                end = point.frame
            elif (refused := refused + 1) > MAX_REFUSED:
                break
        is_plain = not (decoder.quick or skip)  # then decoding from the beginning is right by definition
        beginning = range(points[0].frame if points else len(self.index))
        if not is_plain and not self.holds(decoder, None, beginning, skip):
            return None
        return replace(self.index, points=points, quick=decoder.quick, skips=skip)

    def holds(self, decoder: Decoder, point: SeekPoint | None, frames: range, skip: bool) -> bool:
        """Whether decoding from a point gives these frames as decoding from the beginning does.

        With ``skip`` the last frame is asked for alone, so that all others are left out that can be; then every second one of
        those that were, and the others of them.
        """
        try:
            if not skip:
                return not self._others(decoder, point, frames, frames, skip)
            left_out = self._others(decoder, point, frames[-1:], frames, skip)
            return not left_out.intersection(frames[-1:]) and not any(
                set(wanted) & self._others(decoder, point, wanted, frames, skip)
                for wanted in (sorted(left_out)[::2], sorted(left_out)[1::2])
                if wanted
            )
        except (ValueError, OSError):
            return False

    def _others(
        self, decoder: Decoder, point: SeekPoint | None, wanted: Sequence[int], frames: range, skip: bool
    ) -> set[int]:
        """Those of some frames that are not delivered, or not as they are, when ``wanted`` are asked for."""
        others = set(frames)
        if others:
            for number, frame in self.index.decode(decoder, point, wanted, skip):
                heartbeat()
                if number in others and checksum(frame) == self.checksums[number]:
                    others.remove(number)
        return others


# ------------------------------------------------------------------------------------------ files written by compact.py
def compact_index(decoder: Decoder) -> FrameIndex | None:
    """The index of a file that ``tools/data/compact.py`` has written, as its container tells; None for other files.

    Such a file has one packet a frame, in order, and each key frame is a seek point. The mark in the container's comment
    depends on the number of packets and the key frames' places, so a file cut or encoded anew from it is not taken for one.

    Args:
        decoder: quickly opened, and not used yet.
    """
    comment = decoder.container.metadata.get('comment', '')
    if not comment.startswith(MARK[:17]) or len(decoder.container.streams) > 1:
        return None
    entries = _entries(decoder)
    if comment != MARK.format(layout_of(entries)):
        return None
    keys = np.flatnonzero(entries[:, 0])
    points = [
        SeekPoint(key, key, time, position, -1)
        for key, (_, time, position) in zip(keys.tolist(), entries[keys].tolist())
    ]
    context, rate = decoder.stream.codec_context, decoder.stream.average_rate
    return FrameIndex(
        np.arange(len(entries)),
        points,
        decoder.stream.index,
        (context.width, context.height),
        None,
        float(rate) if rate else 0.0,
        quick=True,
        continues=True,
    )


def layout_of(entries: np.ndarray) -> int:
    """CRC-32 of the number of packets, and of the key frames' numbers and places in the file.

    Args:
        entries: int64 [N, 3]: is a key frame, timestamp, byte position.
    """
    keys = np.flatnonzero(entries[:, 0])
    return zlib.crc32(np.concatenate([[len(entries)], keys, entries[keys, 2] - entries[:1, 2]]).astype('<i8').tobytes())


def mark_compact(path: str) -> int:
    """Mark a file, whose comment is ``MARK.format(0)``, as one that needs no index. It stays unmarked if it does need one.

    Returns:
        The number of its frames, all of which were read.

    Raises:
        ValueError: the file is damaged.
    """
    index = build_index(path)
    entries = _entries(Decoder(path, quick=True))
    keys = np.flatnonzero(entries[:, 0]).tolist() if len(entries) == len(index) else []
    in_order = np.array_equal(index.packets, np.arange(len(index)))
    if index.quick and in_order and keys == [point.frame for point in index.points]:
        placeholder = MARK.format(0).encode()
        with open(path, 'r+b') as file, mmap.mmap(file.fileno(), 0) as content:
            begin = content.rfind(placeholder)
            content[begin : begin + len(placeholder)] = MARK.format(layout_of(entries)).encode()
    return len(index)


def _entries(decoder: Decoder) -> np.ndarray:
    """int64 [N, 3], of each packet in the container's table: whether it is a key frame, timestamp, byte position."""
    entries = [(entry.is_keyframe, entry.timestamp, entry.pos) for entry in decoder.stream.index_entries]
    return np.array(entries, np.int64).reshape(-1, 3)
