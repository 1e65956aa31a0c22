"""Every frame that a reader gives is that of a plain decoding of the whole file, in every kind of file."""

from pathlib import Path

import pytest
from conformance import compare, encode, files, reference

from videossl.datasets.preparation.reencoding import Reencoding, reencode
from videossl.datasets.readers import PyAVReader
from videossl.datasets.readers.frame_index import build_index

REFUSED = {'cover only': 'it has no video: its only picture is a cover', 'sound only': 'it has no pictures'}
KINDS = [kind for kind in dict.fromkeys(kind for kind, *_ in files(Path())) if kind not in REFUSED]
# One of each kind, of which few are slow to encode.
FAST = [
    'mp4_h264_long.mp4',
    'fragments_h264_b.mp4',
    'mov_mjpeg.mov',
    'mkv_hevc_open.mkv',
    'webm_vp9_hidden.webm',
    'avi_h264_open.avi',
    'ts_mpeg2_b.ts',
    '3gp_mpeg4_b.3gp',
    'bare_h264_b.h264',
    'vfr_h264_b.mkv',
    'early_h264_b.mp4',
    'late_b.ts',
    'edit_h264_long_7.mp4',
    'edit_mpeg4_7.mp4',
    'packed_mpeg4_b.avi',
    'matrix_h264_b_-1_0_0_1.mp4',
    'matrix_h264_0_-1_-1_0.mov',
    'two.mp4',
    'cover_video.mp4',
    'odd_mpeg4_b.avi',
    'ten_h264_b.mp4',
    'full_h264_b.mp4',
    'sizes_h264.ts',
    'joined_3.mkv',
    'pipe_mjpeg.avi',
    'cut_h264_open_07.mp4',
    'cut_h264_b_13.ts',
    'cut_mpeg4_b_05.avi',
]


@pytest.mark.parametrize('name', FAST)
def test_frames_are_those_of_a_plain_decoding(tmp_path, name):
    (write,) = [write for _, other, write in files(tmp_path) if other == name]
    number, wrong = compare(write(), PyAVReader)
    assert number > 20 and not wrong


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_all_files_of_a_kind_are_read_exactly_or_are_no_video_for_anybody(tmp_path, kind):
    compared = 0
    for name, write in [(name, write) for other, name, write in files(tmp_path) if other == kind]:
        path = write()
        try:
            reference(path)
        except ValueError:  # a cut without a whole frame
            with pytest.raises((ValueError, OSError)):
                PyAVReader(str(path))
            continue
        number, wrong = compare(path, PyAVReader)
        assert not wrong, f'{name}: {len(wrong)} of {number}: {wrong[:3]}'
        compared += 1
    assert compared


@pytest.mark.parametrize('kind', REFUSED)
def test_a_file_without_a_video_is_refused_in_words(tmp_path, kind):
    (write,) = [write for other, _, write in files(tmp_path) if other == kind]
    with pytest.raises(ValueError, match=REFUSED[kind]):
        PyAVReader(str(write()))


@pytest.mark.parametrize('encoding, ending', [('h264_open', 'mp4'), ('mpeg4_b', 'avi')])
def test_a_compacted_file_is_read_exactly(tmp_path, encoding, ending):
    source = encode(tmp_path / f'source.{ending}', encoding)
    reencode(str(source), str(tmp_path / 'new.mp4'), Reencoding())
    reader = PyAVReader(str(tmp_path / 'new.mp4'))
    assert reader.index.continues and len(reader) == len(reference(source))
    number, wrong = compare(tmp_path / 'new.mp4', PyAVReader)
    assert number > 20 and not wrong


def test_the_comparison_notices_a_wrong_frame_and_a_wrong_number(tmp_path):
    path = encode(tmp_path / 'video.mp4', 'h264_b')

    class Late(PyAVReader):
        def read_frames(self, indices):
            return super().read_frames([min(index + (index == 20), len(self) - 1) for index in indices])

    class Short(PyAVReader):
        def __len__(self):
            return super().__len__() - 1

    assert any(request.startswith('[20]') for request in compare(path, Late)[1])
    assert compare(path, Short)[1][0] == '35 of 36 frames'


def test_most_files_are_read_from_key_frames_and_not_from_their_beginning(tmp_path):
    names = [
        'mp4_h264_b.mp4',
        'mkv_hevc_open.mkv',
        'avi_mpeg4_b.avi',
        'packed_mpeg4_b.avi',
        'ts_h264_b.ts',
        'webm_vp9.webm',
    ]
    points = {name: len(build_index(str(write())).points) for _, name, write in files(tmp_path) if name in names}
    assert set(points) == set(names) and all(number >= 2 for number in points.values()), points
