"""What is looked at before a decoder opens a file."""

import os
import sys
from pathlib import Path

import pytest

from videossl.datasets import VideoReadError
from videossl.datasets.readers import opening
from videossl.datasets.readers.opening import check_file, open_as_training_does


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='needs named pipes')
def test_a_file_that_passes_for_a_regular_one_and_blocks_is_refused_at_once(tmp_path, monkeypatch):
    path = str(tmp_path / 'pipe.mp4')
    os.mkfifo(path)
    both_ends = os.open(path, os.O_RDWR)  # a writer that writes nothing
    monkeypatch.setattr(opening.stat, 'S_ISREG', lambda mode: True)
    with pytest.raises(VideoReadError, match='it is not a regular file'):
        check_file(path, path)
    os.close(both_ends)


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
def test_a_link_to_the_messages_of_the_kernel_is_refused_at_once(tmp_path):
    (tmp_path / 'a.mp4').symlink_to('/proc/kmsg')  # says of itself that it is a regular file
    if not os.access(tmp_path / 'a.mp4', os.R_OK):
        pytest.skip('this user may not read /proc/kmsg')
    with pytest.raises(VideoReadError, match='it is not a regular file'):
        open_as_training_does(str(tmp_path / 'a.mp4'))


def test_an_ordinary_file_is_read_as_before(tmp_path):
    path = Path(tmp_path, 'text.mp4')
    path.write_bytes(b'0123456789abcdef')
    assert opening.read_head(str(path), str(path)) == b'0123456789ab'
