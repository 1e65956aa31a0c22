"""Writing lists that read back the same."""

import pytest

from videossl.datasets import read_annotations
from videossl.datasets.preparation import write_list

ODD_PATHS = ['a b/c d.mp4', 'Käse/ビデオ.mp4', "it's #1 [x]/100%.avi", 'a,b;"c".mp4', 'tab\there.mp4']


@pytest.mark.parametrize(
    'entries, ending',
    [
        ([(path, number) for number, path in enumerate(ODD_PATHS)], 'txt'),
        ([(path, None) for path in ODD_PATHS], 'txt'),
        ([('part 2', 0), ('part 3', 7)], 'txt'),  # the label is what follows the last space
        ([('part 2', None), ('part 3', None)], 'jsonl'),  # here it would be none
        ([('a.mp4', None), ('b 1', None)], 'jsonl'),
        ([(' a.mp4', 0)], 'jsonl'),
        ([('a.mp4 ', None)], 'jsonl'),
        ([('line\nbreak.mp4', 1)], 'jsonl'),
        ([('line\rbreak.mp4', 1)], 'jsonl'),
        ([('latin\udce4.mp4', 1)], 'jsonl'),  # a name whose bytes are no UTF-8, as Python has it
        ([('\ufeffmark.mp4', 0)], 'jsonl'),
    ],
)
def test_a_list_reads_back_as_it_was_given(tmp_path, entries, ending):
    path = write_list(entries, tmp_path / 'new', 'list')
    assert path == tmp_path / 'new' / f'list.{ending}'
    assert read_annotations(str(path)) == entries
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # and no temporary file


def test_a_list_of_the_other_ending_does_not_stay_behind(tmp_path):
    write_list([('a 1', None)], tmp_path, 'list')
    write_list([('a', None)], tmp_path, 'list')
    assert [file.name for file in tmp_path.iterdir()] == ['list.txt']
    write_list([('a 1', None)], tmp_path, 'list')
    assert [file.name for file in tmp_path.iterdir()] == ['list.jsonl']


def test_a_list_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch):
    old = write_list([('old', 0)], tmp_path, 'list')

    def full_disk(*args):
        raise OSError('no space left')

    monkeypatch.setattr('os.replace', full_disk)
    with pytest.raises(OSError):
        write_list([('new', 0)], tmp_path, 'list')
    assert old.read_text() == 'old 0\n'
    assert [file.name for file in tmp_path.iterdir()] == ['list.txt']


def test_an_empty_list_is_refused(tmp_path):
    with pytest.raises(ValueError, match='would be empty'):
        write_list([], tmp_path, 'list')
