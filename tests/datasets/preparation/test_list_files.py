"""Lists whose videos get other names keep everything else."""

import json

import pytest

from videossl.datasets import read_annotations
from videossl.datasets.preparation.list_files import ListFile, new_names

VIDEOS = ['a/one.avi', 'b/two words.mov']


@pytest.mark.parametrize(
    'name, text, expected',
    [
        ('spaces.txt', 'a/one.avi 3\n\nb/two words.mov 0\r\n', 'a/one.mp4 3\nb/two words.mp4 0\n'),
        ('several.txt', 'a/one.avi 3 5 1\nb/two words.mov 0 1 2\n', 'a/one.mp4 3 5 1\nb/two words.mp4 0 1 2\n'),
        ('tabs.txt', 'a/one.avi\t3\nb/two words.mov\t0\n', 'a/one.mp4\t3\nb/two words.mp4\t0\n'),
        ('commas.lst', 'a/one.avi, 3\nb/two words.mov,0\n', 'a/one.mp4, 3\nb/two words.mp4,0\n'),
        ('windows.txt', 'a\\one.avi 3\r\nb\\two words.mov 0\r\n', 'a/one.mp4 3\nb/two words.mp4 0\n'),
        ('spaces.csv', 'a/one.avi 3\nb/two words.mov 0\n', 'a/one.mp4 3\nb/two words.mp4 0\n'),
        ('bare.csv', 'a/one.avi,3,x\nb/two words.mov,0,"y, z"\n', 'a/one.mp4,3,x\nb/two words.mp4,0,"y, z"\n'),
        ('header.csv', 'label;path\n3;a/one.avi\n0;b/two words.mov\n', 'label;path\n3;a/one.mp4\n0;b/two words.mp4\n'),
        ('list.tsv', 'a/one.avi\t3\nb/two words.mov\t0\n', 'a/one.mp4\t3\nb/two words.mp4\t0\n'),
        (
            'list.jsonl',
            '{"n": "ä", "path": "a/one.avi"}\n{"video": "b/two words.mov"}\n',
            '{"n": "ä", "path": "a/one.mp4"}\n{"video": "b/two words.mp4"}\n',
        ),
        (
            'list.json',
            '[{"path": "a/one.avi", "n": 1},\n {"path": "b/two words.mov"}]',
            '[{"path": "a/one.mp4", "n": 1}, {"path": "b/two words.mp4"}]\n',
        ),
        ('dict.json', '{"a/one.avi": 3, "b/two words.mov": 0}', '{"a/one.mp4": 3, "b/two words.mp4": 0}\n'),
        ('paths.json', '["a/one.avi", "b/two words.mov"]', '["a/one.mp4", "b/two words.mp4"]\n'),
    ],
)
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig'])
def test_the_paths_change_and_nothing_else(tmp_path, name, text, expected, encoding):
    (tmp_path / name).write_bytes(text.encode(encoding))
    file = ListFile(str(tmp_path / name))
    assert file.paths == VIDEOS
    renamed = new_names(VIDEOS)
    file.write(tmp_path / 'new' / name, renamed.__getitem__)
    assert (tmp_path / 'new' / name).read_text(encoding='utf-8') == expected
    old, new = read_annotations(str(tmp_path / name)), read_annotations(str(tmp_path / 'new' / name))
    assert [label for _, label in new] == [label for _, label in old]


def test_a_name_whose_bytes_are_not_utf_8_is_written_with_escapes(tmp_path):
    (tmp_path / 'list.jsonl').write_text(json.dumps(dict(path='latin-\udcf6.avi')))
    file = ListFile(str(tmp_path / 'list.jsonl'))
    file.write(tmp_path / 'new.jsonl', lambda path: path.replace('.avi', '.mp4'))
    assert read_annotations(str(tmp_path / 'new.jsonl')) == [('latin-\udcf6.mp4', None)]


def test_two_videos_that_would_get_one_name_keep_their_endings_or_are_refused():
    assert new_names(['a.avi', 'a.mov', 'b.MP4']) == {'a.avi': 'a.avi.mp4', 'a.mov': 'a.mov.mp4', 'b.MP4': 'b.MP4'}
    with pytest.raises(ValueError, match=r'would both become a\.avi\.mp4'):
        new_names(['a.avi', 'a.avi.mp4', 'a.mp4'])
