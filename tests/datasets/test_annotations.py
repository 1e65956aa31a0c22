"""Lists of videos and folders of videos, as other projects and systems write them."""

import csv
import io
import json
import os

import pytest

from videossl.datasets import read_annotations, scan_videos


def written(folder, text, name='list.txt', encoding='utf-8'):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return str(path)


@pytest.mark.parametrize(
    'text, expected',
    [
        ('a.mp4 0\nb.mp4 12\n', [('a.mp4', 0), ('b.mp4', 12)]),
        ('a.mp4\nb.mp4\n', [('a.mp4', None), ('b.mp4', None)]),
        ('a.mp4 0\r\nb.mp4 1\r\n', [('a.mp4', 0), ('b.mp4', 1)]),
        ('\n  \na.mp4 0\n\n\nb.mp4 1', [('a.mp4', 0), ('b.mp4', 1)]),
        ('my videos/long jump 3.mp4 7\n', [('my videos/long jump 3.mp4', 7)]),
        ('my videos/long jump.mp4\n', [('my videos/long jump.mp4', None)]),
        ('clip 12.mp4\nclip_13.mp4\n', [('clip 12.mp4', None), ('clip_13.mp4', None)]),
        ('videos/clip12 3\n', [('videos/clip12', 3)]),
        ('a.mp4   3\n', [('a.mp4', 3)]),
        ('a.mp4 -1\n', [('a.mp4', -1)]),
        ('v/跳远.mp4 2\nv/größe.mp4 3\n', [('v/跳远.mp4', 2), ('v/größe.mp4', 3)]),
        ('a.mp4 ²\n', [('a.mp4 ²', None)]),
        ('a.mp4 1.5\n', [('a.mp4 1.5', None)]),
    ],
)
def test_a_text_list_gives_a_path_and_a_label_or_none_a_line(tmp_path, text, expected):
    assert read_annotations(written(tmp_path, text)) == expected


@pytest.mark.parametrize(
    'delimiter, text',
    [(',', 'a b 1.mp4,4\nc.mp4, 5\n'), ('\t', 'a b 1.mp4\t4\nc.mp4\t5\n'), ('::', 'a b 1.mp4::4\nc.mp4 :: 5\n')],
)
def test_another_delimiter_leaves_spaces_to_the_path(tmp_path, delimiter, text):
    assert read_annotations(written(tmp_path, text), delimiter) == [('a b 1.mp4', 4), ('c.mp4', 5)]


@pytest.mark.parametrize(
    'text, expected',
    [
        ('path,label\na b.mp4,0\n"c,d.mp4",12\n', [('a b.mp4', 0), ('c,d.mp4', 12)]),
        ('label,filename\n3,a.mp4\n', [('a.mp4', 3)]),
        ('"x, y",path,label\n1,a.mp4,3\n', [('a.mp4', 3)]),
        ('Label, Video \n3, a.mp4\n', [('a.mp4', 3)]),
        ('path,fps\na.mp4,25\n', [('a.mp4', None)]),
        ('path,label\na.mp4,\nb.mp4\n', [('a.mp4', None), ('b.mp4', None)]),
        ('a.mp4,0\nb 2.mp4,1\n', [('a.mp4', 0), ('b 2.mp4', 1)]),
        ('a.mp4\nb.mp4\n', [('a.mp4', None), ('b.mp4', None)]),
        ('a.mp4,0\r\n\r\n , \r\nb.mp4,1\r\n', [('a.mp4', 0), ('b.mp4', 1)]),
    ],
)
def test_a_csv_list_is_read_with_and_without_a_header(tmp_path, text, expected):
    assert read_annotations(written(tmp_path, text, 'list.csv')) == expected


def test_json_lines_are_read_with_and_without_labels(tmp_path):
    labelled = '{"path": "a b.mp4", "label": 3}\n\n{"filename": "c.mp4", "label": "4"}\n'
    assert read_annotations(written(tmp_path, labelled, 'list.jsonl')) == [('a b.mp4', 3), ('c.mp4', 4)]
    bare = '{"path": "a.mp4"}\n{"path": "b.mp4", "label": null}\n'
    assert read_annotations(written(tmp_path, bare, 'list.JSONL')) == [('a.mp4', None), ('b.mp4', None)]


@pytest.mark.parametrize(
    'name, text',
    [
        ('list.txt', 'a.mp4 1\n'),
        ('list.csv', 'path,label\na.mp4,1\n'),
        ('list.jsonl', '{"path": "a.mp4", "label": 1}\n'),
    ],
)
def test_a_byte_order_mark_does_not_become_part_of_the_path(tmp_path, name, text):
    assert read_annotations(written(tmp_path, text, name, encoding='utf-8-sig')) == [('a.mp4', 1)]


@pytest.mark.parametrize(
    'text, words',
    [
        ('a.mp4 1\nb.mp4\n', ['entry 1 has a label', 'entry 2', '"b.mp4"', 'has none']),
        ('a.mp4\n\nb.mp4\nc d.mp4 1\n', ['entry 1 has no label', 'entry 3', '"c d.mp4"', 'has one']),
    ],
)
def test_a_list_that_labels_some_videos_only_is_refused_with_the_entry_named(tmp_path, text, words):
    path = written(tmp_path, text)
    with pytest.raises(ValueError) as error:
        read_annotations(path)
    assert all(word in str(error.value) for word in [path, *words]), error.value


@pytest.mark.parametrize(
    'name, text, words',
    [
        ('list.csv', 'path,label\na.mp4,run\n', ['row 2', '"run"', 'whole number']),
        ('list.csv', 'path,label\n\n,3\n', ['row 3', 'no path']),
        ('list.csv', 'label,path\n3\n', ['row 2', 'no path']),
        ('list.csv', 'a.mp4,1.0\n', ['row 1', '"1.0"', 'whole number']),
        ('list.jsonl', '{"path": "a.mp4", "label": 1}\n{"label": 2}\n', ['line 2', 'path']),
        ('list.csv', 'path,label,path\na.mp4,1,b.mp4\n', ['row 1', '2 columns are called path']),
        ('list.csv', 'path,Label,label\na.mp4,1,2\n', ['row 1', '2 columns are called label']),
        ('list.jsonl', '{"path": 3}\n', ['line 1', 'path']),
        ('list.jsonl', '{"path": "a"}\n{"path": "\\ud800.mp4"}\n', ['line 2', 'half a character']),
        ('list.jsonl', '"path"\n', ['line 1', 'path']),
        ('list.jsonl', 'a.mp4 1\n', ['line 1', 'a.mp4 1']),
        ('list.jsonl', '{"path": "a.mp4", "label": true}\n', ['line 1', 'True', 'whole number']),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_its_file(tmp_path, name, text, words):
    path = written(tmp_path, text, name)
    with pytest.raises(ValueError) as error:
        read_annotations(path)
    assert all(word in str(error.value) for word in [path, *words]), error.value


def test_a_missing_list_is_named_with_what_to_check(tmp_path):
    for path in (tmp_path / 'nowhere.txt', tmp_path):
        with pytest.raises(FileNotFoundError) as error:
            read_annotations(str(path))
        assert all(word in str(error.value) for word in [str(path), '--ann-file', '--data-root'])


@pytest.mark.parametrize(
    'name, text',
    [('list.txt', ''), ('list.txt', '\n \n'), ('list.csv', ''), ('list.csv', 'path,label\n'), ('list.jsonl', '\n')],
)
def test_an_empty_list_is_named(tmp_path, name, text):
    path = written(tmp_path, text, name)
    with pytest.raises(ValueError) as error:
        read_annotations(path)
    assert path in str(error.value) and 'no video' in str(error.value)


def test_a_list_in_another_encoding_is_named_with_what_to_do(tmp_path):
    path = written(tmp_path, 'größe.mp4 1\n', encoding='latin-1')
    with pytest.raises(ValueError) as error:
        read_annotations(path)
    assert path in str(error.value) and 'UTF-8' in str(error.value)


# Nine lists of the same three videos, from other projects and systems.
THREE = [('a/clip 0.mp4', 0), ('b/clip_1.MKV', 1), ('c/clip_2.webm', 12)]


@pytest.mark.parametrize(
    'name, text',
    [
        ('tabs.txt', 'a/clip 0.mp4\t0\nb/clip_1.MKV\t1\nc/clip_2.webm\t12\n'),
        ('commas.txt', 'a/clip 0.mp4,0\nb/clip_1.MKV, 1\nc/clip_2.webm ,12\n'),
        ('semicolons.lst', 'a/clip 0.mp4;0\nb/clip_1.MKV; 1\nc/clip_2.webm;12\n'),
        ('spaces.csv', 'a/clip 0.mp4 0\nb/clip_1.MKV 1\nc/clip_2.webm 12\n'),
        ('tabs.csv', 'a/clip 0.mp4\t0\nb/clip_1.MKV\t1\nc/clip_2.webm\t12\n'),
        ('semicolons.csv', 'a/clip 0.mp4;0\nb/clip_1.MKV;1\nc/clip_2.webm;12\n'),
        ('semicolons_more.csv', 'a/clip 0.mp4;0;x\nb/clip_1.MKV;1;y\nc/clip_2.webm;12;z\n'),
        ('semicolons_header.csv', 'label;path\n0;a/clip 0.mp4\n1;"b/clip_1.MKV"\n12;c/clip_2.webm\n'),
        ('tabs_header.csv', 'path\tlabel\na/clip 0.mp4\t0\nb/clip_1.MKV\t1\nc/clip_2.webm\t12\n'),
        ('tabs.tsv', 'a/clip 0.mp4\t0\nb/clip_1.MKV\t1\nc/clip_2.webm\t12\n'),
        ('list.json', json.dumps([dict(path=path, label=label) for path, label in THREE], indent=1)),
        ('dict.json', json.dumps(dict(THREE))),
        ('lines.json', ''.join(json.dumps(dict(video=path, label=str(label))) + '\n' for path, label in THREE)),
        ('windows.txt', 'a\\clip 0.mp4 0\r\nb\\clip_1.MKV 1\r\nc\\clip_2.webm 12\r\n'),
        ('windows.csv', 'path;label\r\na\\clip 0.mp4;0\r\nb\\clip_1.MKV;1\r\nc\\clip_2.webm;12\r\n'),
        ('windows.json', json.dumps({path.replace('/', '\\'): label for path, label in THREE})),
    ],
)
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig'])
def test_the_lists_of_other_projects_are_read(tmp_path, name, text, encoding):
    assert read_annotations(written(tmp_path, text, name, encoding)) == THREE


def test_json_may_hold_paths_alone(tmp_path):
    assert read_annotations(written(tmp_path, '["a b.mp4", "c.mp4"]', 'list.json')) == [
        ('a b.mp4', None),
        ('c.mp4', None),
    ]
    assert read_annotations(written(tmp_path, '{"path": "a.mp4", "label": 3}', 'list.json')) == [('a.mp4', 3)]


@pytest.mark.parametrize(
    'name, text, words',
    [
        ('list.txt', 'a.mp4;0;1.5\n', ['entry 1', 'semicolons', 'a label']),
        ('list.txt', 'a.mp4 0\nb.mp4|run\n', ['entry 2', 'vertical bars']),
        ('list.txt', 'a.mp4\trun\n', ['entry 1', 'tabs', '" "']),
        ('list.txt', '[{"path": "a.mp4", "label": 0}]', ['JSON', '.json']),
        ('list.txt', '{"path": "a.mp4", "label": 0}\n', ['JSON', '.jsonl']),
        ('list.json', '{"a.mp4": {"label": 0}}', ['entry 1', 'whole number']),
        ('list.json', '[{"path": "a.mp4"}, {"id": 3}]', ['entry 2', '"path"']),
        ('list.json', '[{"path": "a.mp4"}', ['not JSON']),
        ('list.json', '3', ['entry 1', '"path"']),
    ],
)
def test_a_list_that_cannot_be_read_names_the_separator_or_the_form(tmp_path, name, text, words):
    message = refused(tmp_path, text.encode(), name)
    assert all(word in message for word in words), message


def test_a_list_of_json_lines_keeps_backslashes(tmp_path):
    text = json.dumps(dict(path='a\\b.mp4')) + '\n'
    assert read_annotations(written(tmp_path, text, 'list.jsonl')) == [('a\\b.mp4', None)]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b'')


def test_a_folder_is_scanned_recursively_in_sorted_order_and_other_files_are_left_out(tmp_path):
    touch(tmp_path, 'b.mp4', 'a/z.AVI', 'a/deep/er/跳 1.mkv', 'c.webm', 'a.txt', 'mp4', 'a/frame.jpg', 'x.mp4.part')
    assert scan_videos(str(tmp_path)) == ['a/deep/er/跳 1.mkv', 'a/z.AVI', 'b.mp4', 'c.webm']


def test_a_scan_follows_links_to_files_and_folders(tmp_path):
    touch(tmp_path, 'elsewhere/a.mp4', 'elsewhere/in/b.mp4')
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'linked').symlink_to(tmp_path / 'elsewhere' / 'in')
    (tmp_path / 'set' / 'c.mp4').symlink_to(tmp_path / 'elsewhere' / 'a.mp4')
    assert scan_videos(str(tmp_path / 'set')) == ['c.mp4', 'linked/b.mp4']
    (tmp_path / 'set_itself_linked').symlink_to(tmp_path / 'set')
    assert scan_videos(str(tmp_path / 'set_itself_linked')) == ['c.mp4', 'linked/b.mp4']


def test_links_in_a_circle_end_and_give_no_video_twice(tmp_path):
    touch(tmp_path, 'a/1.mp4', 'b/2.mp4')
    for folder in ('a', 'b'):  # two links each: without a memory the scan would branch 2 ** 40 times
        os.symlink(tmp_path, tmp_path / folder / 'up')
        os.symlink(tmp_path / 'a', tmp_path / folder / 'a')
        os.symlink(tmp_path / 'b', tmp_path / folder / 'b')
    os.symlink('loop', tmp_path / 'loop')
    assert scan_videos(str(tmp_path)) == ['a/1.mp4', 'b/2.mp4']


def test_two_links_to_one_folder_give_its_videos_once_under_the_first_name(tmp_path):
    touch(tmp_path, 'elsewhere/a.mp4')
    (tmp_path / 'set').mkdir()
    for name in ('y', 'x', 'z'):
        (tmp_path / 'set' / name).symlink_to(tmp_path / 'elsewhere')
    assert scan_videos(str(tmp_path / 'set')) == ['x/a.mp4']


def test_a_folder_without_videos_and_a_missing_folder_are_named(tmp_path):
    touch(tmp_path, 'a.txt')
    with pytest.raises(FileNotFoundError) as error:
        scan_videos(str(tmp_path))
    assert str(tmp_path) in str(error.value) and '.mp4' in str(error.value)
    with pytest.raises(FileNotFoundError) as error:
        scan_videos(str(tmp_path / 'nowhere'))
    assert str(tmp_path / 'nowhere') in str(error.value) and '--data-root' in str(error.value)


AWKWARD = [
    'a b.mp4',
    ' leading and trailing .mp4 ',
    '-rf.mp4',
    '--option',
    '../outside/x.mp4',
    '/absolute/x.mp4',
    'new\nline.mp4',
    'carriage\rreturn.mp4',
    'tab\t.mp4',
    '跳远/größe.mp4',
    'a"b\'c.mp4',
    'a,b;c.mp4',
    '\u2028.mp4',
    'part 2',
    '\ufeffmark.mp4',
    'x' * 5000 + '.mp4',
    os.fsdecode(b'latin-\xf6.mp4'),
    '$(touch x) `y`.mp4',
]


@pytest.mark.parametrize('path', AWKWARD)
def test_json_lines_carry_any_path_that_a_file_system_knows(tmp_path, path):
    entries = [(path, 3), ('plain.mp4', 4)]
    text = ''.join(json.dumps(dict(path=path, label=label)) + '\n' for path, label in entries)
    assert read_annotations(written(tmp_path, text, 'list.jsonl')) == entries


@pytest.mark.parametrize(
    'path',
    [
        path
        for path in AWKWARD
        if path == path.strip() and '\ufeff' not in path and path.isprintable() or path == 'new\nline.mp4'
    ],
)
def test_csv_carries_any_path_in_quotes(tmp_path, path):
    text = io.StringIO()
    csv.writer(text).writerows([('path', 'label'), (path, 3)])
    assert read_annotations(written(tmp_path, text.getvalue(), 'list.csv')) == [(path, 3)]


@pytest.mark.parametrize(
    'path', ['a b.mp4', '-rf.mp4', '--option', '../outside/x.mp4', '/absolute/x.mp4', 'a"b.mp4', 'x' * 200_000 + '.mp4']
)
def test_a_text_list_takes_a_path_as_it_is(tmp_path, path):
    assert read_annotations(written(tmp_path, f'{path} 3\n')) == [(path, 3)]


def refused(tmp_path, content: bytes, name: str) -> str:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError) as error:
        read_annotations(str(path))
    assert str(path) in str(error.value) and len(str(error.value)) < 1000
    return str(error.value)


@pytest.mark.parametrize('name', ['list.txt', 'list.csv', 'list.jsonl'])
@pytest.mark.parametrize('end', [b'\n', b'\r\n', b'\r'])
@pytest.mark.parametrize(
    'content, words', [(b'gr\xf6\xdfe.mp4 1', 'UTF-8'), (b'a\0b.mp4 1', 'zero byte'), (b'\xed\xb2\x80.mp4', 'UTF-8')]
)
def test_what_is_no_text_is_named_with_its_line(tmp_path, name, end, content, words):
    message = refused(tmp_path, end.join([b'{"path": "a.mp4"}', b'', content, b'b.mp4 1']), name)
    assert 'line 3' in message and words in message
    assert 'line 1' in refused(tmp_path, content, name)


@pytest.mark.parametrize('encoding', ['utf-16', 'utf-16-le'])
def test_another_unicode_is_named(tmp_path, encoding):
    assert 'UTF-8' in refused(tmp_path, 'a.mp4 1\nb.mp4 2\n'.encode(encoding), 'list.txt')


@pytest.mark.parametrize(
    'text, words',
    [
        ('file,label\na.mp4,1\n', ['row 1', 'header', 'path or filename or video', 'file, label']),
        ('name,fps,width\na.mp4,25,320\n', ['row 1', 'header', 'name, fps, width']),
        ('path label\na.mp4 1\n', ['columns', 'spaces', 'commas']),
        ('a.mp4,1\nb.mp4;1;x\n', ['entry 2', 'semicolons', 'a comma', 'b.mp4;1;x']),
        ('path\na.mp4;1\n', ['entry 1', 'semicolons', 'a comma', 'a.mp4;1']),
        ('path,label\n"a.mp4,1\nb.mp4,2\n', ['line 3', 'quote']),
        ('path,label\na.mp4,1\n"b"c.mp4,2\n', ['line 3', 'quote']),
        ('path,label\na.mp4,1\n' + 'x' * 200_000 + ',2\n', ['line 3', 'limit']),
        (f'path,label\na.mp4,{10**18}\n', ['row 2', 'whole number']),
    ],
)
def test_a_csv_list_that_cannot_be_read_is_named_with_its_row_and_what_to_do(tmp_path, text, words):
    message = refused(tmp_path, text.encode(), 'list.csv')
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    'line',
    [
        '{"path": ""}',
        '{"path": "a\\u0000.mp4"}',
        '{"label": 1}',
        '{"path": ["a.mp4"]}',
        '["path"]',
        '3',
        'null',
        '{',
        '{}{}',
        '[' * 100_000,
        '{"path": "a.mp4", "label": 1e400}',
        '{"path": "a.mp4", "label": [1]}',
        '{"path": "a.mp4", "label": ' + '9' * 5000 + '}',
        '{"path": "a.mp4", "label": ' + '9' * 19 + '}',
    ],
    ids=lambda line: line[:30],
)
def test_a_json_line_that_cannot_be_read_is_named_with_its_number(tmp_path, line):
    assert 'line 3' in refused(tmp_path, f'{{"path": "a.mp4", "label": 1}}\n\n{line}\n'.encode(), 'list.jsonl')


def test_a_number_that_no_label_can_be_belongs_to_the_path(tmp_path):
    assert read_annotations(written(tmp_path, f'a.mp4 {"9" * 19}\n')) == [(f'a.mp4 {"9" * 19}', None)]


def test_hidden_files_and_folders_are_no_videos(tmp_path):
    touch(
        tmp_path, 'a/x.mp4', 'a/._x.mp4', '__MACOSX/a/._x.mp4', '__MACOSX/a/y.mp4', '.ipynb_checkpoints/x.mp4', '.z.mp4'
    )
    assert scan_videos(str(tmp_path)) == ['a/x.mp4']
    assert scan_videos(str(tmp_path / '.ipynb_checkpoints')) == ['x.mp4'], 'a hidden folder may be named'


def test_what_ffmpeg_reads_is_taken_and_other_formats_are_counted_aloud(tmp_path, monkeypatch):
    touch(
        tmp_path,
        '0.MTS',
        '1.ts',
        '2.wmv',
        '3.m2ts',
        '4.VOB',
        'raw.h264',
        'b/raw.H264',
        'c.gif',
        'notes.txt',
        'x.mp4.part',
    )
    records = []
    monkeypatch.setattr('videossl.datasets.annotations.print_log', lambda text, *args: records.append(text))
    assert scan_videos(str(tmp_path)) == ['0.MTS', '1.ts', '2.wmv', '3.m2ts', '4.VOB']
    assert records == [f'{tmp_path}: left out, as no format that is read: 1 .gif, 2 .h264']


def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_scanned(tmp_path, monkeypatch):
    for name in ('a', 'secret'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'video.mp4').write_text('')
    scandir, said = os.scandir, []

    def refuse(path):
        if os.path.basename(path) == 'secret':
            raise PermissionError(13, 'Permission denied', path)
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refuse)
    monkeypatch.setattr('videossl.datasets.annotations.print_log', lambda text, *others: said.append(text))
    assert scan_videos(str(tmp_path)) == [os.path.join('a', 'video.mp4')]
    assert said == [f'{tmp_path / "secret"}: left out, as it cannot be read: Permission denied']
