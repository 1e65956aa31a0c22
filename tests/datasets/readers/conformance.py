"""Encodes videos of many kinds, and compares what a reader gives of them with a plain decoding of the whole file.

    PYTHONPATH=. python tests/datasets/readers/conformance.py --backend pyav

prints a table: kinds, files, requests, wrong ones. The reference below uses PyAV alone, and nothing of videossl.
"""

import argparse
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition
from av.video.frame import PictureType

os.environ.setdefault('SVT_LOG', '0')  # libsvtav1 prints a page for each file
FRAMES, WIDTH, HEIGHT = 36, 64, 48
NO_LOG = {'x265-params': 'log-level=none'}
REALTIME = {'cpu-used': '8', 'deadline': 'realtime', 'lag-in-frames': '0'}
HIDDEN = {'cpu-used': '8', 'deadline': 'good', 'lag-in-frames': '12', 'auto-alt-ref': '1', 'b': '200k'}

# By the name of a way of encoding: encoder, options, most B-frames in a row. A key frame every 10 to 12 frames.
ENCODINGS: dict[str, tuple[str, dict[str, str], int | None]] = {
    'h264': ('libx264', dict(preset='ultrafast', g='12', bf='0'), None),
    'h264_b': ('libx264', dict(preset='medium', g='12', bf='3', b_adapt='0'), None),
    'h264_long': ('libx264', dict(preset='medium', g='250', bf='3', b_adapt='0'), None),
    'h264_open': (
        'libx264',
        {'preset': 'medium', 'g': '10', 'bf': '3', 'b_adapt': '0', 'x264-params': 'open-gop=1'},
        None,
    ),
    'h264_refresh': ('libx264', {'preset': 'medium', 'g': '10', 'intra-refresh': '1'}, None),
    'h264_interlaced': ('libx264', dict(preset='medium', g='12', bf='2', b_adapt='0', flags='+ildct+ilme'), None),
    'hevc': ('libx265', {'preset': 'ultrafast', 'x265-params': 'log-level=none:keyint=12:bframes=0'}, None),
    'hevc_b': ('libx265', {'preset': 'ultrafast', 'x265-params': 'log-level=none:keyint=12:bframes=3:b-adapt=0'}, None),
    'hevc_open': (
        'libx265',
        {'preset': 'ultrafast', 'x265-params': 'log-level=none:keyint=10:min-keyint=10:open-gop=1:bframes=3:b-adapt=0'},
        None,
    ),
    'vp8': ('libvpx', dict(REALTIME, g='12'), None),
    'vp8_hidden': ('libvpx', dict(HIDDEN, g='12'), None),
    'vp9': ('libvpx-vp9', dict(REALTIME, g='12'), None),
    'vp9_hidden': ('libvpx-vp9', dict(HIDDEN, g='12'), None),
    'av1': ('libsvtav1', {'preset': '12', 'g': '12', 'svtav1-params': 'lp=1'}, None),
    'mpeg2': ('mpeg2video', dict(g='12'), None),
    'mpeg2_b': ('mpeg2video', dict(g='12'), 2),
    'mpeg2_interlaced': ('mpeg2video', dict(g='12', flags='+ildct+ilme'), 2),
    'mpeg4': ('mpeg4', dict(g='12'), None),
    'mpeg4_b': ('mpeg4', dict(g='12'), 2),
    'mjpeg': ('mjpeg', {}, None),
}
CONTAINERS = {
    'mp4': ('h264', 'hevc', 'vp9', 'av1', 'mpeg2', 'mpeg4', 'mjpeg'),
    'fragments': ('h264', 'hevc', 'av1', 'mpeg4'),
    'mov': ('h264', 'hevc', 'mpeg4', 'mjpeg'),
    'mkv': ('h264', 'hevc', 'vp8', 'vp9', 'av1', 'mpeg2', 'mpeg4', 'mjpeg'),
    'webm': ('vp8', 'vp9', 'av1'),
    'avi': ('h264', 'mpeg2', 'mpeg4', 'mjpeg'),
    'ts': ('h264', 'hevc', 'mpeg2', 'mpeg4'),
    '3gp': ('h264', 'mpeg4'),
    'mpg': ('mpeg2',),
}
FRAGMENTED = dict(movflags='frag_keyframe+empty_moov+default_base_moof+global_sidx')
# Matrices (a, b, c, d): the point (x, y) goes to (a x + c y, b x + d y).
MATRICES = [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0), (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)]
UNEVEN = np.random.default_rng(1).integers(10, 200, FRAMES).cumsum()


# ------------------------------------------------------------------------------------------------------------ encoding
def pictures(count: int = FRAMES, width: int = WIDTH, height: int = HEIGHT, seed: int = 0) -> np.ndarray:
    """Blocks that change slowly, so that encoders refer to other frames; every frame differs from every other."""
    generator = np.random.default_rng(seed)
    blocks = generator.integers(0, 256, (-(-count // 7), 8, 8, 3), dtype=np.uint8).repeat(7, axis=0)[:count].copy()
    blocks[:, 0, 0] = np.arange(count)[:, None] * 5 % 256
    for index in range(count):
        blocks[index, 1 + index % 6] = 255 - blocks[index, 1 + index % 6]
    frames = blocks.repeat(-(-height // 8), axis=1).repeat(-(-width // 8), axis=2)
    return np.ascontiguousarray(frames[:, :height, :width])


def encode(
    path: Path,
    encoding: str,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    pixels: str = 'yuv420p',
    milliseconds: np.ndarray | None = None,
    muxing: dict | None = None,
    container: str | None = None,
    matrix: tuple[int, int, int, int] | None = None,
    late_b: bool = False,
    seed: int = 0,
    frames: int = FRAMES,
) -> Path:
    """Write a video of :func:`pictures`."""
    codec, options, b_frames = ENCODINGS[encoding]
    if codec == 'mjpeg':
        pixels = 'yuvj420p'
    with av.open(str(path), 'w', format=container, options=muxing or {}) as output:
        stream = output.add_stream(codec, rate=25, options=options)
        (stream.width, stream.height), stream.pix_fmt = size, pixels
        stream.codec_context.thread_count = 1
        if b_frames is not None:
            stream.max_b_frames = b_frames
        if matrix is not None:
            a, b, c, d = (65536 * value for value in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        if milliseconds is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures(frames, *size, seed=seed)):
            frame = av.VideoFrame.from_ndarray(picture, format='rgb24')
            if milliseconds is not None:
                frame.pts, frame.time_base = int(milliseconds[index]), Fraction(1, 1000)
            if late_b and 0 < index < FRAMES // 2:
                frame.pict_type = PictureType.P
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def copy(source: Path, target: Path, first: int = 0, comment: bool = False) -> Path:
    """Copy the packets from ``first`` on, without decoding; the first one gets time 0. The container's comment comes along."""
    with av.open(str(source)) as original, av.open(str(target), 'w') as output:
        if comment:
            output.metadata['comment'] = original.metadata['comment']
        stream = original.streams.video[0]
        new, start = output.add_stream_from_template(stream), None
        for number, packet in enumerate(packet for packet in original.demux(stream) if packet.size):
            if number < first:
                continue
            if start is None:
                start = packet.pts
            packet.pts, packet.dts = packet.pts - start, packet.dts - start
            packet.stream = new
            output.mux(packet)
    return target


def write_packed(path: Path, encoding: str = 'mpeg4_b') -> Path:
    """As XviD writes AVI files: a P-frame and a B-frame in one packet, and a frame without a picture in the next one."""
    encoded, start = encode(path.with_suffix('.m4v'), encoding), b'\0\0\1\xb6'
    with av.open(str(encoded)) as original, av.open(str(path), 'w') as output:
        source = original.streams.video[0]
        packets = [bytes(packet) for packet in original.demux(source) if packet.size]
        packets[0] = packets[0].replace(start, b'\0\0\1\xb2DivX503b1393p' + start, 1)
        no_picture = start + int('010100000100'.ljust(32, '1'), 2).to_bytes(4, 'big')
        packed: list[bytes] = []
        for content in packets:
            if content[content.index(start) + 4] >> 6 == 2 and packed[-1] != no_picture:
                packed[-1:] = [packed[-1] + content, no_picture]
            else:
                packed.append(content)
        stream = output.add_stream_from_template(source)
        for number, content in enumerate(packed):
            packet = av.Packet(content)
            packet.stream, packet.dts, packet.pts, packet.time_base = stream, number, number, Fraction(1, 25)
            packet.is_keyframe = content[content.rindex(start) + 4] >> 6 == 0
            output.mux(packet)
    encoded.unlink()
    return path


def write_edited(path: Path, encoding: str = 'h264_long', frames: int = 7) -> Path:
    """An edit list leaves out the first frames, which others refer to."""
    encode(path, encoding)
    content = bytearray(path.read_bytes())
    place = content.index(b'elst') + 4 + 8  # ISO/IEC 14496-12, 8.6.6: length, then media time
    with av.open(str(path)) as container:
        step = int(1 / (25 * container.streams.video[0].time_base))
    length, begin = (int.from_bytes(content[place + 4 * i : place + 4 * i + 4], 'big') for i in (0, 1))
    content[place : place + 8] = (length - frames * 40).to_bytes(4, 'big') + (begin + frames * step).to_bytes(4, 'big')
    path.write_bytes(content)
    return path


def write_joined(path: Path, encodings: list[str], sizes: list[tuple[int, int]] | None = None) -> Path:
    """Streams one behind the other, whose parameters differ."""
    container = 'm4v' if encodings[0].startswith('mpeg4') else encodings[0].partition('_')[0]
    parts = [
        encode(path.with_suffix(f'.{number}'), encoding, size, container=container, seed=number)
        for number, (encoding, size) in enumerate(zip(encodings, sizes or [(WIDTH, HEIGHT)] * len(encodings)))
    ]
    joined = path.with_suffix('.bare')
    joined.write_bytes(b''.join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    if path.suffix in ('.h264', '.hevc', '.m4v'):
        return joined.rename(path)
    with av.open(str(joined), format=container) as original, av.open(str(path), 'w') as output:
        stream = original.streams.video[0]
        new = output.add_stream_from_template(stream)
        for number, packet in enumerate(packet for packet in original.demux(stream) if packet.size):
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), new
            output.mux(packet)
    joined.unlink()
    return path


def write_two_streams(path: Path) -> Path:
    """Two videos in a file, of which the second is the larger, and sound."""
    with av.open(str(path), 'w') as output:
        streams = []
        for size in ((WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT)):
            stream = output.add_stream('libx264', rate=25, options=ENCODINGS['h264_b'][1])
            (stream.width, stream.height), stream.pix_fmt = size, 'yuv420p'
            stream.codec_context.thread_count = 1
            streams.append((stream, pictures(FRAMES, *size, seed=len(streams))))
        tone = output.add_stream('aac', rate=16000, layout='mono')
        for index in range(FRAMES):
            for stream, frames in streams:
                output.mux(stream.encode(av.VideoFrame.from_ndarray(frames[index], format='rgb24')))
        for stream, _ in streams:
            output.mux(stream.encode())
        write_tone(output, tone)
    return path


def write_tone(output, tone) -> None:
    samples = av.AudioFrame.from_ndarray(np.zeros((1, 8192), np.float32), format='fltp', layout='mono')
    samples.sample_rate = 16000
    output.mux(tone.encode(samples))
    output.mux(tone.encode())


def write_cover(path: Path, video: bool) -> Path:
    """Sound with a cover picture, and a video if asked for."""
    with av.open(str(path), 'w') as output:
        tone = output.add_stream('aac', rate=16000, layout='mono')
        if video:
            stream = output.add_stream('libx264', rate=25, options=ENCODINGS['h264_b'][1])
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, 'yuv420p'
        cover = output.add_stream('mjpeg', rate=1)
        cover.width, cover.height, cover.pix_fmt = 4 * WIDTH, 4 * HEIGHT, 'yuvj420p'
        cover.disposition = Disposition.attached_pic
        output.mux(cover.encode(av.VideoFrame.from_ndarray(pictures(1, 4 * WIDTH, 4 * HEIGHT)[0], format='rgb24')))
        output.mux(cover.encode())
        if video:
            for picture in pictures():
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
            output.mux(stream.encode())
        write_tone(output, tone)
    return path


def write_sound(path: Path) -> Path:
    with av.open(str(path), 'w') as output:
        write_tone(output, output.add_stream('aac', rate=16000, layout='mono'))
    return path


def write_pipe(path: Path, encoding: str) -> Path:
    """As a program that writes an AVI file into a pipe: it cannot go back to write the sizes."""
    content = bytearray(encode(path, encoding).read_bytes())
    content[4:8] = b'\xff' * 4
    path.write_bytes(content)
    return path


def files(folder: Path) -> Iterator[tuple[str, str, Callable[[], Path]]]:
    """(kind, name, function that writes the file) of each file."""

    def case(kind: str, name: str, write: Callable, *args, **kwargs) -> tuple[str, str, Callable[[], Path]]:
        return kind, name, lambda: write(folder / name, *args, **kwargs)

    for container, codecs in CONTAINERS.items():
        muxing = FRAGMENTED if container == 'fragments' else None
        ending = 'mp4' if container == 'fragments' else container
        for encoding in ENCODINGS:
            if encoding.partition('_')[0] in codecs:
                yield case(f'{container}', f'{container}_{encoding}.{ending}', encode, encoding, muxing=muxing)
    for encoding, ending in (
        ('h264_b', 'h264'),
        ('hevc_b', 'hevc'),
        ('mpeg4_b', 'm4v'),
        ('mpeg2_b', 'm2v'),
        ('vp9', 'ivf'),
    ):
        yield case('bare stream', f'bare_{encoding}.{ending}', encode, encoding)
    for encoding, ending in itertools.product(('h264', 'h264_b', 'hevc_b', 'mpeg4', 'vp9'), ('mp4', 'mkv')):
        yield case('varying frame rate', f'vfr_{encoding}.{ending}', encode, encoding, milliseconds=UNEVEN)
        for name, shift in (('late', 5000), ('early', -210)):
            yield case(
                f'{name} timestamps',
                f'{name}_{encoding}.{ending}',
                encode,
                encoding,
                milliseconds=shift + 40 * np.arange(FRAMES),
                muxing=dict(avoid_negative_ts='disabled'),
            )
    for ending in ('mp4', 'mkv', 'avi', 'ts'):
        yield case('late B-frames', f'late_b.{ending}', encode, 'h264_long', late_b=True)
    for encoding in ('h264_long', 'h264_b', 'hevc_b', 'mpeg4', 'mpeg4_b'):
        for frames in (1, 7, 14):
            yield case('edit list', f'edit_{encoding}_{frames}.mp4', write_edited, encoding, frames)
    for encoding in ('mpeg4_b', 'mpeg4'):
        yield case('packed bitstream', f'packed_{encoding}.avi', write_packed, encoding)
    for matrix in MATRICES:
        name = '_'.join(map(str, matrix))
        for encoding, ending in (('h264_b', 'mp4'), ('h264', 'mov'), ('mpeg4', 'mp4')):
            yield case('turned, mirrored', f'matrix_{encoding}_{name}.{ending}', encode, encoding, matrix=matrix)
    for ending in ('mp4', 'mkv', 'ts'):
        yield case('two videos', f'two.{ending}', write_two_streams)
    yield case('cover and video', 'cover_video.mp4', write_cover, video=True)
    yield case('cover only', 'cover.mp4', write_cover, video=False)
    yield case('sound only', 'sound.mp4', write_sound)
    for encoding, ending in (
        ('h264_b', 'mp4'),
        ('hevc_b', 'mkv'),
        ('mpeg4_b', 'avi'),
        ('vp9', 'webm'),
        ('mjpeg', 'avi'),
    ):
        pixels = 'yuv444p' if encoding.startswith('h') else 'yuv420p'
        yield case('odd size', f'odd_{encoding}.{ending}', encode, encoding, size=(101, 75), pixels=pixels)
    for encoding, ending in (('h264_b', 'mp4'), ('hevc_b', 'mkv'), ('av1', 'mp4')):
        yield case('10 bits', f'ten_{encoding}.{ending}', encode, encoding, pixels='yuv420p10le')
    for encoding, ending in (('h264_b', 'mp4'), ('hevc', 'mkv')):
        yield case('4:4:4', f'full_{encoding}.{ending}', encode, encoding, pixels='yuv444p')
    sizes = [(WIDTH, HEIGHT), (96, 64)]
    for encoding, ending in (('h264_b', 'h264'), ('h264', 'ts'), ('h264', 'mkv'), ('hevc', 'hevc'), ('mpeg4', 'avi')):
        yield case('size changes', f'sizes_{encoding}.{ending}', write_joined, [encoding, encoding], sizes)
    for encodings, ending in itertools.product(
        (['h264', 'h264_b'], ['h264_b', 'h264_open', 'h264']), ('mkv', 'ts', 'h264')
    ):
        yield case('joined streams', f'joined_{len(encodings)}.{ending}', write_joined, encodings)
    for encoding in ('mjpeg', 'mpeg4'):
        yield case('AVI from a pipe', f'pipe_{encoding}.avi', write_pipe, encoding)
    for encoding, ending in itertools.product(
        ('h264_b', 'h264_open', 'hevc_open', 'mpeg4_b', 'mpeg2_b', 'vp9_hidden'), ('mp4', 'mkv', 'ts', 'avi')
    ):
        # An AVI muxer refuses a cut of H.264 that begins between two key frames.
        if encoding.partition('_')[0] in CONTAINERS[ending] and (ending != 'avi' or encoding.startswith('mpeg')):
            for first in range(1, 26):
                yield case('cut by stream copy', f'cut_{encoding}_{first:02}.{ending}', write_cut, encoding, first)


def write_cut(path: Path, encoding: str, first: int) -> Path:
    source = path.with_name(f'source_{encoding}.mp4')
    if not source.exists():
        encode(source, encoding)
    return copy(source, path, first)


# ----------------------------------------------------------------------------------------------------------- comparing
def reference(path: Path) -> list[np.ndarray]:
    """All frames, decoded in order without a seek, upright, and of the first frame's size."""
    found: list[np.ndarray] = []
    size = None
    with av.open(str(path), metadata_errors='ignore') as container:
        stream = container.streams.best('video')
        if stream is None or stream.disposition & Disposition.attached_pic:
            raise ValueError('no video')
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                if found:
                    raise
                continue  # before the first whole frame
            for frame in frames:
                size = size or (frame.width, frame.height)
                found.append(upright(frame.reformat(*size, format='rgb24').to_ndarray(), frame))
    if not found:
        raise ValueError('no frames')
    return found


def upright(picture: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    data = next((bytes(data) for data in frame.side_data if 'DISPLAYMATRIX' in str(data.type)), None)
    if data is None:
        return picture
    a, b, _, c, d = (round(value / 65536) for value in np.frombuffer(data, '<i4')[:5].tolist())
    if b or c:
        return picture.transpose(1, 0, 2)[:: b or 1, :: c or 1]
    return picture[:: d or 1, :: a or 1]


def requests(length: int) -> Iterator[list[int]]:
    """Each frame by itself, and sets of frames at several strides."""
    yield from ([index] for index in range(length))
    for step in (1, 2, 3, 5, 9):
        for start in range(0, length, 7):
            yield list(range(start, length, step))[:16]


def compare(path: Path, open_reader: Callable) -> tuple[int, list[str]]:
    """How many requests were made, and which were answered wrongly."""
    expected = reference(path)
    wrong = []
    reader = open_reader(str(path))
    if len(reader) != len(expected):
        wrong.append(f'{len(reader)} of {len(expected)} frames')
    number = 1
    order = list(requests(len(expected)))
    shuffled = [order[index] for index in np.random.default_rng(0).permutation(len(order))]
    pieces = [list(range(start, min(start + 5, len(expected)))) for start in range(0, len(expected), 5)]
    fresh = [(lambda: open_reader(str(path)), indices) for indices in order]
    reused = [(lambda: reader, indices) for indices in [*shuffled, *pieces, *pieces]]
    for opened, indices in [*fresh, *reused]:
        number += 1
        try:
            frames = opened().read_frames(indices)
            right = len(frames) == len(indices) and all(
                frame.shape == expected[index].shape and np.array_equal(frame, expected[index])
                for frame, index in zip(frames, indices)
            )
        except Exception as error:
            wrong.append(f'{indices[:3]}: {type(error).__name__}: {error}')
            continue
        if not right:
            wrong.append(f'{indices[:3]}')
    return number, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--backend', default='pyav')
    parser.add_argument('--kind', default='', help='kinds that begin so only')
    args = parser.parse_args()
    from videossl.datasets.readers.opening import BACKENDS

    table: dict[str, Counter] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind, name, write in files(Path(folder)):
            if not kind.startswith(args.kind):
                continue
            row = table.setdefault(kind, Counter())
            row['files'] += 1
            path = write()
            try:
                number, wrong = compare(path, BACKENDS[args.backend])
            except Exception as error:
                row['refused'] += 1
                print(f'{name}: {type(error).__name__}: {str(error)[:150]}')
                continue
            row['requests'] += number
            row['wrong'] += len(wrong)
            row['wrong files'] += bool(wrong)
            if wrong:
                print(f'{name}: {len(wrong)} of {number} wrong: {wrong[:3]}')
    columns = ('files', 'refused', 'requests', 'wrong', 'wrong files')
    print('\n| kind |', ' | '.join(columns), '|')
    for kind, row in [*table.items(), ('all', sum(table.values(), Counter()))]:
        print(f'| {kind} |', ' | '.join(str(row[column]) for column in columns), '|')


if __name__ == '__main__':
    main()
