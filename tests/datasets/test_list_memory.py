"""A long list of videos takes little memory, and what it says stays as it was."""

import pickle
import tracemalloc

import numpy as np
import pytest

from videossl.datasets import VideoDataset
from videossl.datasets.annotations import iterate_annotations, read_annotations


@pytest.fixture
def listed(tmp_path):
    """A data set of 2,000 videos, the first of which is there."""
    (tmp_path / 'video 0.mp4').touch()
    (tmp_path / 'list.txt').write_text(''.join(f'video {index}.mp4 {index % 7}\n' for index in range(2000)))
    return tmp_path / 'list.txt'


def test_the_entries_come_out_as_they_went_in_however_they_are_kept(listed):
    arguments = dict(ann_file=str(listed), data_root=str(listed.parent))
    packed, plain = VideoDataset(**arguments), VideoDataset(**arguments, serialize_data=False)
    assert len(packed) == len(plain) == 2000
    for index in (0, 1, 1234, 1999, -1):
        assert packed.get_data_info(index) == plain.get_data_info(index)
    assert (
        packed.get_data_info(1234)['filename'].endswith('video 1234.mp4')
        and packed.get_data_info(1234)['label'] == 1234 % 7
    )


def test_a_packed_list_has_the_form_of_mmengines(listed):
    dataset = VideoDataset(ann_file=str(listed), data_root=str(listed.parent))
    assert dataset.data_bytes.dtype == np.uint8 and dataset.data_address.dtype == np.int64
    assert dataset.data_address[-1] == len(dataset.data_bytes) and dataset.data_list == []
    first, second = dataset.data_address[:2]
    assert pickle.loads(dataset.data_bytes[first:second].tobytes())['filename'].endswith('video 1.mp4')
    part = dataset.get_subset([3, 5])
    assert len(part) == 2 and part.get_data_info(1)['filename'].endswith('video 5.mp4')


def test_reading_on_needs_no_more_than_the_file_itself(listed):
    lines = iterate_annotations(str(listed))
    next(lines)
    tracemalloc.start()
    for _ in lines:
        pass
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert grown < listed.stat().st_size
    assert list(iterate_annotations(str(listed))) == read_annotations(str(listed))


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('a.txt', 'a.mp4 0\nb.mp4\n', 'entry 1 has a label, but entry 2'),
        ('a.csv', 'path,label\na.mp4,1\n,2\n', 'row 3: there is no path'),
        ('a.jsonl', '\n', 'lists no video'),
    ],
)
def test_what_is_wrong_with_a_list_is_said_where_it_is_read(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        list(iterate_annotations(str(tmp_path / name)))
