"""Official label and split files of Something-Something, in small."""

import json

import pytest

from videossl.datasets.preparation import PreparationError, read_something_v1, read_something_v2
from videossl.datasets.preparation.something_something import check_no_frame_folders


def write(path, *lines, newline='\n'):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(''.join(f'{line}{newline}' for line in lines).encode())


def something_v2(folder, train=None, labels=None):
    labels = labels or {'Holding something': '1', 'Moving something up': '0'}
    train = train or [
        dict(id='74225', label='holding a pen', template='Holding [something]'),
        dict(id='9', label='moving it up', template='Moving [something] up'),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ('labels', labels),
        ('train', train),
        ('test', [dict(id='5')]),
        ('validation', [dict(id='1', template='Moving [something] up')]),
    ):
        (folder / f'{name}.json').write_text(json.dumps(content))
    return folder


def test_something_v2_labels_are_the_numbers_of_the_label_file(tmp_path):
    files = read_something_v2(something_v2(tmp_path / 'labels').parent)
    assert files.classes == ['Moving something up', 'Holding something']
    assert files.splits == {
        'sthv2_train_list_videos': [('74225.webm', 1), ('9.webm', 0)],
        'sthv2_val_list_videos': [('1.webm', 0)],
        'sthv2_test_list_videos': [('5.webm', None)],
    }


def test_something_v2_takes_the_older_names_of_the_files_too(tmp_path):
    expected = read_something_v2(something_v2(tmp_path))
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / f'something-something-v2-{path.name}')
    assert read_something_v2(tmp_path) == expected


@pytest.mark.parametrize(
    'change, message',
    [
        (
            dict(train=[dict(id='1', template='Eating [something]')]),
            'template "Eating something" of video 1 is not among',
        ),
        (dict(train=[dict(template='Holding [something]')]), 'has no id'),
        (dict(labels={'Holding something': '1', 'Moving something up': '1'}), 'not 0, 1, 2'),
        (dict(labels={'Holding something': 'one', 'Moving something up': '0'}), 'a label is no number'),
        (dict(labels=['Holding something']), 'must hold a dict'),
        (dict(train=[dict(id='1', template='Holding [something]')]), 'share 1 videos'),
    ],
)
def test_damaged_something_v2_files_are_refused(tmp_path, change, message):
    with pytest.raises(PreparationError, match=message):
        read_something_v2(something_v2(tmp_path, **change))


def test_broken_json_is_named(tmp_path):
    something_v2(tmp_path)
    (tmp_path / 'train.json').write_text('[{"id": "1"')
    with pytest.raises(PreparationError, match='train.json is no JSON file'):
        read_something_v2(tmp_path)
    (tmp_path / 'train.json').unlink()
    with pytest.raises(PreparationError, match='something-something-v2-train.json'):
        read_something_v2(tmp_path)


def test_something_v1_reads_the_csv_files(tmp_path):
    name = 'something-something-v1'
    write(tmp_path / f'{name}-labels.csv', 'Holding something', 'Moving something, slowly')
    write(tmp_path / f'{name}-train.csv', '100218;Moving something, slowly', '24413;Holding something')
    write(tmp_path / f'{name}-validation.csv', '7;Holding something')
    write(tmp_path / f'{name}-test.csv', '8')
    assert read_something_v1(tmp_path).splits == {
        'sthv1_train_list_videos': [('100218.mp4', 1), ('24413.mp4', 0)],
        'sthv1_val_list_videos': [('7.mp4', 0)],
        'sthv1_test_list_videos': [('8.mp4', None)],
    }
    write(tmp_path / f'{name}-train.csv', '24413;Dropping something')
    with pytest.raises(PreparationError, match='24413;Dropping something'):
        read_something_v1(tmp_path)


def test_folders_of_frames_are_refused_with_the_way_out(tmp_path):
    (tmp_path / '1').mkdir()
    check_no_frame_folders(tmp_path)
    write(tmp_path / '100218' / '00001.jpg', 'x')
    with pytest.raises(PreparationError, match=r'00001.jpg.*ffmpeg'):
        check_no_frame_folders(tmp_path)


def test_hidden_folders_are_no_frames(tmp_path):
    (tmp_path / '.thumbnails').mkdir()
    (tmp_path / '.thumbnails' / '00001.jpg').write_bytes(b'')
    check_no_frame_folders(tmp_path)
