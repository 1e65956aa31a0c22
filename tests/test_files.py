"""Files that are there whole or not at all."""

import pytest

from videossl.files import whole_file


def test_file_that_fails_half_way_is_not_left_under_its_name(tmp_path):
    with pytest.raises(OSError, match='disk full'):
        with whole_file(tmp_path / 'file') as path:
            path.write_text('half')
            raise OSError('disk full')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('flush', [False, True])
def test_file_has_its_name_when_it_is_whole_and_not_before(flush, tmp_path):
    (tmp_path / 'file').write_text('old')
    with whole_file(tmp_path / 'file', flush) as path:
        path.write_text('new')
        assert (tmp_path / 'file').read_text() == 'old'
    assert (tmp_path / 'file').read_text() == 'new' and len(list(tmp_path.iterdir())) == 1
    with whole_file(tmp_path / 'deep' / 'er', flush) as path:
        path.write_text('')
    assert (tmp_path / 'deep' / 'er').exists()
