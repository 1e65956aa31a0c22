"""One opened video file and the state of its decoder."""

from collections.abc import Callable, Collection, Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from typing import Any, NamedTuple

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from .shards import source_for_ffmpeg

# Containers of videos. FFmpeg also knows formats that name other files to read, playlists among them.
CONTAINERS = (
    '3gp amv asf avi dv flv gif h264 hevc ivf m4v matroska mjpeg mov mpeg mpegts mpegvideo mxf nut obu ogg rm swf webm wtv '
    'yuv4mpegpipe'
).split()
OPTIONS = dict(format_whitelist=','.join(CONTAINERS))
LANDING_PACKETS = 50  # read after a seek, at most, to find the packet that the seek was meant for

Numbered = Generator[tuple[int, Any], None, None]
"""Frames with their numbers."""


class Decoder:
    """Decodes a video from its beginning, or from a packet that a seek reaches.

    Before a packet is decoded, its timestamp is replaced by the packet's number in the file, counted from 0. FFmpeg hands
    that number on to the frame, so each frame says which packet it comes from, whatever the order of decoding is.

    Each pass has a decoder of its own: FFmpeg's keep parameter sets of the stream even when they are flushed, so that what
    was decoded before would change the pictures.

    Attributes:
        keeps_decoder: flush the decoder instead of making another, for files whose parameters are known to stay the same.

    Args:
        path: a file's path, never a URL, or that of a video in a shard (:mod:`.shards`).
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
        self.path = path
        self.source, self.protocols = source_for_ffmpeg(path)
        self.num_threads = num_threads
        self.stream_index = stream
        self.quick = quick
        self.keeps_decoder = False
        self._open()

    def _open(self) -> None:
        self.close()
        options = dict(OPTIONS, protocol_whitelist=self.protocols)
        if self.quick:
            options['codec_whitelist'] = 'none'
        # XviD's titles are not UTF-8.
        try:
            self.container = av.open(self.source, options=options, metadata_errors='ignore')
        except av.error.EOFError as error:  # the one of PyAV's that is neither a ValueError nor an OSError
            raise ValueError('it is cut off: it ends before its first picture') from error
        self.stream = _best(self.container) if self.stream_index is None else self.container.streams[self.stream_index]
        self.stream_index = self.stream.index
        if self.stream.codec_context is None:
            raise ValueError('it is damaged, or of a codec that FFmpeg cannot decode')
        self.codec = self.stream.codec_context.codec.canonical_name
        self._is_fresh = True

    def _new_context(self) -> Any:
        """A decoder that has decoded nothing, or with ``keeps_decoder`` one that was flushed."""
        context = self.stream.codec_context
        if self.keeps_decoder and context.is_open:
            context.flush_buffers()
            return context
        if self.quick and not self.keeps_decoder:
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
        return self._decode(0, end, needed, watch)

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
        self.container.seek(target, stream=self.stream, backward=True)
        return self._decode(number, end, needed, position=position)

    def lands(self, target: int, position: int) -> bool:
        """Whether seeking a timestamp reaches the packet at a byte position."""
        self._is_fresh = False
        self.container.seek(target, stream=self.stream, backward=True)
        with closing(self.container.demux(self.stream)) as packets:
            return _landed(packets, position) is not None

    def _decode(
        self,
        number: int,
        end: int | None,
        needed: Collection[int] | None,
        watch: Callable[[Any], None] | None = None,
        position: int | None = None,
    ) -> Numbered:
        """Decode the packets from ``number`` on. Each packet of each pass comes through this loop."""
        self._is_fresh = False
        context, may_fail, skipping = self._new_context(), position is None, False
        # PyAV leaves memory behind with a demuxing iterator that is dropped before its end, unless it is closed.
        with closing(self.container.demux(self.stream)) as demuxed:
            packets = demuxed
            if position is not None:
                first = _landed(demuxed, position)
                if first is None:
                    raise ValueError('a packet is not where it was')
                packets = chain((first,), demuxed)
            for packet in packets:
                if not packet.size:  # at the end of the file
                    continue
                if number == end:
                    break
                if watch is not None:
                    watch(packet)
                if needed is not None and skipping is (number in needed):
                    skipping = not skipping
                    context.skip_frame = 'NONREF' if skipping else 'DEFAULT'
                packet.pts = number
                number += 1
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

    def close(self) -> None:
        """Close the file."""
        container, self.container = self.container, None
        if container is not None:
            container.close()

    def __del__(self) -> None:
        self.close()


def _landed(packets: Iterator[Any], position: int) -> Any:
    """The packet at a byte position, if it is one of the next packets."""
    return next((packet for packet in islice(packets, LANDING_PACKETS) if packet.size and packet.pos == position), None)


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
        orientation: of the frames that have no display matrix of their own; None: no frame has one.
    """

    def __init__(self, size: tuple[int, int], orientation: Orientation | None) -> None:
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
        if self.orientation is None:
            return picture
        orientation = Orientation.of(frame) or self.orientation
        return picture if orientation == (False, 1, 1) else np.ascontiguousarray(orientation(picture))
