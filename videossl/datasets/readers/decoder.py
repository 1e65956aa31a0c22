"""One opened video file and the state of its decoder."""

import os
from collections.abc import Callable, Collection, Generator
from contextlib import closing
from itertools import takewhile
from typing import Any, NamedTuple

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

# Containers of videos. FFmpeg also knows formats that name other files to read, playlists among them.
CONTAINERS = (
    '3gp amv asf avi dv flv gif h264 hevc ivf m4v matroska mjpeg mov mpeg mpegts mpegvideo mxf nut obu ogg rm swf webm wtv '
    'yuv4mpegpipe'
).split()
OPTIONS = dict(protocol_whitelist='file', format_whitelist=','.join(CONTAINERS))
LANDING_PACKETS = 50  # read after a seek, at most, to find the packet that the seek was meant for

Numbered = Generator[tuple[int, Any], None, None]


class Decoder:
    """Decodes a video from its beginning, or from a packet that a seek reaches.

    Before a packet is decoded, its timestamp is replaced by the packet's number in the file, counted from 0. FFmpeg hands
    that number on to the frame, so each frame says which packet it comes from, whatever the order of decoding is.

    Each pass has a decoder of its own: FFmpeg's keep parameter sets of the stream even when they are flushed, so that what
    was decoded before would change the pictures.

    Args:
        path: a file's path, never a URL.
        num_threads: threads of the decoder; 0: as many as FFmpeg likes.
        stream: index of the stream in the container; None: the one that FFmpeg rates best.
        quick: open the file once, without decoding anything to find out what the streams are. It takes a quarter of the time,
            and for some files FFmpeg then knows too little to decode them. Else the file is opened for each pass.

    Raises:
        ValueError: there is no video in the file.
        OSError: the file cannot be opened (PyAV's errors are OSErrors or ValueErrors).
    """

    def __init__(self, path: str, num_threads: int = 1, stream: int | None = None, quick: bool = False) -> None:
        self.container: Any = None  # for __del__
        self.path = os.path.abspath(path)  # begins with a slash, so it never begins with the name of a protocol
        self.num_threads = num_threads
        self.stream_index = stream
        self.quick = quick
        self._open()

    def _open(self) -> None:
        self.close()
        options = dict(OPTIONS, codec_whitelist='none') if self.quick else OPTIONS
        self.container = av.open(
            self.path, options=dict(options), metadata_errors='ignore'
        )  # XviD's titles are not UTF-8
        self.stream = _best(self.container) if self.stream_index is None else self.container.streams[self.stream_index]
        self.stream_index = self.stream.index
        self.codec = self.stream.codec_context.codec.canonical_name
        self._is_fresh = True

    def _new_context(self) -> Any:
        """A decoder that has decoded nothing."""
        context = self.stream.codec_context
        if self.quick:
            given, context = context, av.CodecContext.create(context.codec, 'r')
            context.codec_tag = given.codec_tag
            if given.extradata:
                context.extradata = given.extradata
            if given.width > 0 and given.height > 0:
                context.width, context.height = given.width, given.height
        context.thread_count = self.num_threads
        if self.num_threads != 1:
            context.thread_type = 'AUTO'
        return context

    def decode_start(
        self, end: int | None = None, needed: Collection[int] | None = None, watch: Callable[[Any], None] | None = None
    ) -> Numbered:
        """Decode from the beginning of the file, in order.

        Args:
            end, needed: see :meth:`decode_from`.
            watch: called with each packet before it is decoded, while it still has its own timestamp.

        Yields:
            (number of the packet that the frame comes from, frame).

        Raises:
            ValueError: a packet cannot be decoded. Packets before the first frame may be undecodable: a stream may begin
                between two key frames.
        """
        if not self._is_fresh:  # seek(0) does not arrive at the first packet of every file
            self._open()
        return self._decode(self._until(end, self._packets()), needed, watch, from_start=True)

    def decode_from(
        self, target: int, position: int, number: int, end: int | None, needed: Collection[int] | None = None
    ) -> Numbered:
        """Decode from a packet on.

        Args:
            target: timestamp to seek.
            position: byte position of the packet, by which it is recognised.
            number: of the packet.
            end: number of the packet before which decoding ends; None: the file's end.
            needed: numbers of the packets whose frames are wanted. Of the others, frames that no other frame refers to are
                not decoded. None: decode all.

        Raises:
            ValueError: the seek does not reach the packet.
        """
        if not (self._is_fresh or self.quick):
            self._open()
        return self._decode(self._until(end, self._packets_from(target, position, number)), needed)

    def lands(self, target: int, position: int) -> bool:
        """Whether seeking a timestamp reaches the packet at a byte position."""
        try:
            with closing(self._packets_from(target, position, 0)) as packets:
                return next(packets, None) is not None
        except (ValueError, OSError):
            return False

    def _packets(self) -> Numbered:
        self._is_fresh = False
        # PyAV leaves memory behind with a demuxing iterator that is dropped before its end, unless it is closed.
        with closing(self.container.demux(self.stream)) as packets:
            yield from enumerate(packet for packet in packets if packet.size)

    def _packets_from(self, target: int, position: int, number: int) -> Numbered:
        self.container.seek(target, stream=self.stream, backward=True)
        with closing(self._packets()) as packets:
            for passed, packet in packets:
                if packet.pos == position:
                    break
                if passed == LANDING_PACKETS:
                    raise ValueError('a packet is not where it was')
            else:
                raise ValueError('a packet is not where it was')
            yield number, packet
            yield from ((number - passed + later, packet) for later, packet in packets)

    def _until(self, end: int | None, packets: Numbered) -> Numbered:
        with closing(packets):
            yield from packets if end is None else takewhile(lambda numbered: numbered[0] < end, packets)

    def _decode(
        self,
        packets: Numbered,
        needed: Collection[int] | None = None,
        watch: Callable[[Any], None] | None = None,
        from_start: bool = False,
    ) -> Numbered:
        context, may_fail, skipping = self._new_context(), from_start, False
        try:
            for number, packet in packets:
                if watch is not None:
                    watch(packet)
                if needed is not None and skipping is (number in needed):
                    skipping = not skipping
                    context.skip_frame = 'NONREF' if skipping else 'DEFAULT'
                packet.pts = number
                try:
                    frames = context.decode(packet)
                except av.error.InvalidDataError:
                    if not may_fail:
                        raise
                    continue
                for frame in frames:
                    may_fail = False
                    yield frame.pts, frame
            context.skip_frame = 'DEFAULT'
            for frame in context.decode(None):  # frames that the decoder holds back to put them in order
                yield frame.pts, frame
        finally:
            packets.close()

    def close(self) -> None:
        """Close the file."""
        container, self.container = self.container, None
        if container is not None:
            container.close()

    def __del__(self) -> None:
        self.close()


def _best(container: Any) -> Any:
    stream = container.streams.best('video')
    if stream is not None and not stream.disposition & Disposition.attached_pic:
        return stream
    other = next((video for video in container.streams.video if not video.disposition & Disposition.attached_pic), None)
    if other is None:
        raise ValueError('it has no pictures' if stream is None else 'it has no video: its only picture is a cover')
    return other


class Orientation(NamedTuple):
    """How a stored picture is turned and mirrored for display: rows and columns are swapped first, then reversed.

    Args:
        swaps: rows become columns.
        rows, columns: -1 to reverse their order, else 1.
    """

    swaps: bool = False
    rows: int = 1
    columns: int = 1

    @classmethod
    def of(cls, frame: Any) -> 'Orientation | None':
        """What a decoded frame's display matrix asks for; None if it has none. Turns are rounded to quarters."""
        data = frame.side_data.get('DISPLAYMATRIX')
        if data is None or data.buffer_size != 36:
            return None
        # The point (x, y) of the stored picture goes to (a x + c y, b x + d y).
        a, b, _, c, d = np.frombuffer(data, '<i4')[:5].tolist()
        swaps = abs(b) + abs(c) > abs(a) + abs(d)
        vertical, horizontal = (b, c) if swaps else (d, a)
        return cls(swaps, -1 if vertical < 0 else 1, -1 if horizontal < 0 else 1)

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        """A view of a picture [H, W, ...], upright."""
        return (picture.swapaxes(0, 1) if self.swaps else picture)[:: self.rows, :: self.columns]


class Picture:
    """Converts decoded frames to upright RGB pictures, uint8 [H, W, 3], all of one size.

    Args:
        size: (width, height) of the frames before they are turned. A stream may change it; its later frames are scaled.
        orientation: of the frames that have no display matrix of their own.
    """

    def __init__(self, size: tuple[int, int], orientation: Orientation) -> None:
        self.size = size
        self.orientation = orientation
        self.reformatter = VideoReformatter()

    @classmethod
    def like(cls, frame: Any) -> 'Picture':
        """For a video whose first frame this is."""
        return cls((frame.width, frame.height), Orientation.of(frame) or Orientation())

    def __call__(self, frame: Any) -> np.ndarray:
        # The rows may lie apart, which OpenCV and NumPy take as they are.
        picture = self.reformatter.reformat(frame, *self.size, format='rgb24', threads=1).to_ndarray()
        orientation = Orientation.of(frame) or self.orientation
        return picture if orientation == (False, 1, 1) else np.ascontiguousarray(orientation(picture))
