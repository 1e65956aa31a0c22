"""Writing a video anew so that clips are read from it quickly: small, with a key frame every few frames."""

import glob
import io
import os
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from videossl.datasets.readers import VideoReadError
from videossl.datasets.readers.decoder import Decoder, Orientation
from videossl.datasets.readers.frame_index import MARK, Packet, decode_whole, mark_compact
from videossl.datasets.readers.opening import checked_path
from videossl.files import remove_temporaries, whole_file

PRESET = (
    'veryfast'  # of x264: files as small as with "medium", in half the time (measured on UCF101, HMDB51 and Kinetics)
)
ESTIMATED_FRAMES = 48  # encoded of a video to estimate its size
UNSPECIFIED = 2  # in FFmpeg's numbers of colour properties
OLDEST_PYAV = 17  # tested; 12 does not tell which way up a video is


@dataclass(frozen=True)
class Reencoding:
    """How videos are written anew.

    Args:
        short_side: of the frames, in pixels; smaller videos are not enlarged.
        keyframe_interval: a key frame at least every so many frames.
        crf: x264's constant rate factor; higher is smaller and worse.
        size: (width, height) of all frames upright, both even, whatever the video's own is; None: by ``short_side``. With the
            size that a pipeline scales to, its ``Resize`` has nothing to do.

    Raises:
        ValueError: a value is out of range.
    """

    short_side: int = 128
    keyframe_interval: int = 12
    crf: int = 23
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if int(av.__version__.partition('.')[0]) < OLDEST_PYAV:
            raise ValueError(
                f'videos are written anew with PyAV {OLDEST_PYAV} or newer, and {av.__version__} is installed: '
                f'pip install "av>={OLDEST_PYAV}"'
            )
        for name, lowest, highest in (('short_side', 16, 4096), ('keyframe_interval', 1, 1000), ('crf', 0, 51)):
            value = getattr(self, name)
            if type(value) is not int or not lowest <= value <= highest:
                raise ValueError(f'{name} must be an integer in {lowest}..{highest}, got {value!r}')
        if self.size is not None and not all(
            type(side) is int and side % 2 == 0 and 16 <= side <= 4096 for side in self.size
        ):
            raise ValueError(f'size must be two even numbers in 16..4096, got {self.size!r}')


def target_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """(width, height) of the new frames, both even.

    The short side becomes ``short_side``, unless it is shorter already. Widths that decord 0.6.0 may not deliver are passed
    over: the next larger one is taken where that does not enlarge the video, else the next smaller one.
    """

    def scaled(scale: float) -> tuple[int, int]:
        new_width, new_height = (max(2, min(2 * round(side * scale / 2), side // 2 * 2)) for side in (width, height))
        return new_width, new_height

    size = scaled(min(1.0, short_side / min(width, height)))
    if is_delivered(size[0]):
        return size
    widths = [candidate for candidate in range(26, 76, 2) if is_delivered(candidate)]
    wider = [candidate for candidate in widths if size[0] < candidate <= width]
    narrower = [candidate for candidate in widths if candidate < size[0]]
    if not wider and not narrower:
        return size
    chosen = wider[0] if wider else narrower[-1]
    return chosen, scaled(chosen / width)[1]


def is_delivered(width: int) -> bool:
    """Whether decord 0.6.0 surely gives frames of this width as pictures (dmlc/decord#336)."""
    return width > 72 or 48 < width <= 64 or 24 < width <= 32


def reencode(source: str, target: str, settings: Reencoding) -> int:
    """Write a video anew as H.264 in an MP4 file: no sound, no B-frames, 8 bits, no deblocking filter, turned upright.

    The number of frames, their order and the frame rate stay as they are; times too, in a video of varying frame rate (an AVI's
    are those of its slots, of which some may be empty). All that was written is read again before it gets its name, so a file
    that is there is whole. The file is marked as one that readers need no index for.

    Args:
        source: the video, which is only read.
        target: ends in ``.mp4``; its folder is made when missing, and a file of that name replaced.
        settings: size and quality.

    Returns:
        The number of frames.

    Raises:
        ValueError: the video cannot be read, or what was written cannot. Nothing is left.
    """
    try:
        path = checked_path(source)
    except VideoReadError as error:
        raise ValueError(error.reason) from error
    except FileNotFoundError:
        raise ValueError('the file does not exist') from None
    remove_unfinished(target)
    with whole_file(target) as part:
        written = _encode(path, str(part), settings)
        found = mark_compact(str(part))
        if found != written:
            raise ValueError(f'{found} of {written} frames can be read from what was written')
    return written


def estimate_size(source: str, settings: Reencoding) -> int:
    """Bytes that the video will take, judging by its first frames, which are encoded in memory."""
    counted = sum(1 for _ in decode_whole(Decoder(source), []))
    memory = io.BytesIO()
    written = _encode(source, memory, settings, ESTIMATED_FRAMES)
    return memory.getbuffer().nbytes * counted // written


def remove_unfinished(target: str) -> None:
    """Remove what processes that were killed have left of a file."""
    remove_temporaries(os.path.dirname(target) or '.', glob.escape(os.path.basename(target)))


def _encode(source: str, target: str | io.BytesIO, settings: Reencoding, limit: int | None = None) -> int:
    """Write the video, or its first ``limit`` frames; how many frames that were."""
    decoder = Decoder(source)  # of one thread: the videos are what is done in parallel
    stream = decoder.stream
    times = _Times(stream, _slots(source) if decoder.container.format.name == 'avi' else None)
    packets: list[Packet] = []
    written = 0
    with av.open(target, 'w', format='mp4') as output, closing(decode_whole(decoder, packets)) as delivered:
        output.metadata['comment'] = MARK.format(0)
        for number, decoded in islice(delivered, limit):
            if not written:
                orientation = Orientation.of(decoded) or Orientation()
                width, height = decoded.width, decoded.height
                upright = (height, width) if orientation.swaps else (width, height)
                size = settings.size or target_size(*upright, settings.short_side)
                prepare = _Preparation(size[::-1] if orientation.swaps else size, orientation)
                encoder = _add_stream(output, times, size, settings, stream)
            frame = prepare(decoded)
            frame.pts, frame.time_base = times(None if number is None else packets[number].pts), times.base
            output.mux(encoder.encode(frame))
            written += 1
        output.mux(encoder.encode())
    return written


def _slots(source: str) -> list[int] | None:
    """The slot of each frame in an AVI file, in the order in which the frames are shown; None if no slot is empty."""
    with closing(Decoder(source)) as decoder, closing(decoder.container.demux(decoder.stream)) as packets:
        slots = [packet.dts for packet in packets if packet.size]
    if None in slots or slots == list(range(slots[0], slots[0] + len(slots))):
        return None
    packets_of_frames = [number for number, _ in decode_whole(Decoder(source), [])]
    return None if None in packets_of_frames else sorted(slots[number] for number in packets_of_frames)


def _add_stream(output: Any, times: '_Times', size: tuple[int, int], settings: Reencoding, source: Any) -> Any:
    encoder = output.add_stream(
        'libx264',
        rate=times.rate,
        options=dict(
            preset=PRESET, tune='fastdecode', crf=str(settings.crf), g=str(settings.keyframe_interval), bf='0'
        ),
    )
    encoder.width, encoder.height = size
    encoder.pix_fmt = 'yuv420p'
    encoder.time_base = times.base
    context, original = encoder.codec_context, source.codec_context
    context.time_base = times.base
    context.thread_count = 1
    context.color_range = int(ColorRange.MPEG)
    # Which YUV it is stays, and is written down as far as the source does; 0 is RGB, which it is no longer.
    for name in ('colorspace', 'color_primaries', 'color_trc'):
        value = getattr(original, name)
        if value not in (None, 0, UNSPECIFIED):
            setattr(context, name, value)
    return encoder


class _Preparation:
    """Scales a frame to (width, height), makes it 8-bit YUV 4:2:0 and turns it upright."""

    def __init__(self, size: tuple[int, int], orientation: Orientation) -> None:
        self.size = size
        self.orientation = orientation
        self.reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> av.VideoFrame:
        is_rgb = frame.format.is_rgb or frame.format.has_palette
        colours = (
            dict(dst_colorspace=Colorspace.ITU601)
            if is_rgb
            else dict(src_color_range=ColorRange.JPEG if frame.color_range == ColorRange.JPEG else ColorRange.MPEG)
        )
        scaled = self.reformatter.reformat(
            frame,
            *self.size,
            format='yuv420p',
            interpolation=Interpolation.AREA,
            threads=1,
            dst_color_range=ColorRange.MPEG,
            **colours,
        )
        if self.orientation != Orientation():
            scaled = av.VideoFrame.from_ndarray(_upright(scaled.to_ndarray(), self.orientation), format='yuv420p')
        scaled.pict_type = 0  # the encoder chooses
        return scaled


def _upright(planes: np.ndarray, orientation: Orientation) -> np.ndarray:
    """Planes of YUV 4:2:0 as PyAV lays them out, uint8 [H * 3 / 2, W], turned and mirrored."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    luma = orientation(planes[:height])
    chroma = [orientation(plane.reshape(height // 2, width // 2)) for plane in np.split(planes[height:].reshape(-1), 2)]
    return np.concatenate([luma.reshape(-1), *(plane.reshape(-1) for plane in chroma)]).reshape(-1, luma.shape[1])


class _Times:
    """The time of each new frame: that of the decoded one, from 0 on, and later than the one before.

    Args:
        stream: what is decoded.
        slots: the slot of each frame, in an AVI file with empty slots.
    """

    def __init__(self, stream: Any, slots: list[int] | None) -> None:
        self.rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        # An AVI has a frame rate and no times, so what a decoder says of them is guessed.
        self.is_guessed = stream.container.format.name == 'avi' and slots is None
        self.base = stream.time_base if stream.time_base and not self.is_guessed else 1 / Fraction(self.rate)
        self.slots = iter(slots or ())
        self.step = max(1, round(1 / Fraction(self.rate) / self.base))
        self.first = 0
        self.last: int | None = None

    def __call__(self, time: int | None) -> int:
        time = next(self.slots, None if self.is_guessed else time)
        if self.last is None:
            self.first, self.last = time or 0, 0
        elif time is not None and time - self.first > self.last:
            self.last = time - self.first
        else:
            self.last += self.step if time is None else 1
        return self.last
