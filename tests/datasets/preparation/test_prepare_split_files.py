"""Official split files of UCF101, HMDB51 and Something-Something, in small."""

import json

import pytest

from videossl.datasets.preparation import (
    PreparationError,
    VideoIndex,
    locate,
    published,
    read_hmdb51,
    read_something_v1,
    read_something_v2,
    read_ucf101,
)
from videossl.datasets.preparation.something_something import check_no_frame_folders

# Not in alphabetical order: labels are numbers of the file, not places in the alphabet.
UCF_CLASSES = ['Surfing', 'Archery', 'HandstandPushups']


def write(path, *lines, newline='\n'):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(''.join(f'{line}{newline}' for line in lines).encode())


@pytest.fixture
def ucf101(tmp_path):
    """Three classes of three videos (g01 .. g03); split i tests on g0i. Windows line ends, as the official files have."""
    folder = tmp_path / 'ucfTrainTestlist'
    write(folder / 'classInd.txt', *(f'{number} {name}' for number, name in enumerate(UCF_CLASSES, 1)), newline='\r\n')
    for split in (1, 2, 3):
        train = [
            f'{name}/v_{name}_g0{group}_c01.avi {number}'
            for number, name in enumerate(UCF_CLASSES, 1)
            for group in (1, 2, 3)
            if group != split
        ]
        write(folder / f'trainlist0{split}.txt', *train, newline='\r\n')
        write(
            folder / f'testlist0{split}.txt',
            *(f'{name}/v_{name}_g0{split}_c01.avi' for name in UCF_CLASSES),
            newline='\r\n',
        )
    return folder


HMDB_FLAGS = {  # class: video: its number in splits 1, 2 and 3
    'kick_ball': {'a.avi': '120', 'b#1 !.avi': '201', 'c.avi': '012'},
    'kick': {'d.avi': '121', 'e.avi': '212'},
    'climb_stairs': {'[f] g.avi': '000'},
}


@pytest.fixture
def hmdb51(tmp_path):
    folder = tmp_path / 'testTrainMulti_7030_splits'
    for name, videos in HMDB_FLAGS.items():
        for split in (1, 2, 3):
            write(
                folder / f'{name}_test_split{split}.txt',
                *(f'{video} {flags[split - 1]} ' for video, flags in videos.items()),
            )
    return folder


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


# ------------------------------------------------------------------------------------------------------------------ UCF101
def test_ucf101_labels_are_the_numbers_of_the_class_file_minus_one(ucf101):
    files = read_ucf101(ucf101)
    assert files.classes == UCF_CLASSES
    assert files.splits['ucf101_train_split_2_videos'] == [
        ('Surfing/v_Surfing_g01_c01.avi', 0),
        ('Surfing/v_Surfing_g03_c01.avi', 0),
        ('Archery/v_Archery_g01_c01.avi', 1),
        ('Archery/v_Archery_g03_c01.avi', 1),
        ('HandstandPushups/v_HandstandPushups_g01_c01.avi', 2),
        ('HandstandPushups/v_HandstandPushups_g03_c01.avi', 2),
    ]
    assert files.splits['ucf101_val_split_3_videos'] == [
        ('Surfing/v_Surfing_g03_c01.avi', 0),
        ('Archery/v_Archery_g03_c01.avi', 1),
        ('HandstandPushups/v_HandstandPushups_g03_c01.avi', 2),
    ]
    assert len(files.splits) == 6
    assert files.total == 9


def test_ucf101_files_are_found_in_the_folder_that_their_archive_unpacks_to(ucf101):
    assert read_ucf101(ucf101.parent) == read_ucf101(ucf101)


@pytest.mark.parametrize(
    'file, lines, message',
    [
        ('classInd.txt', ['1 Surfing', '1 Archery'], 'not a new number'),
        ('classInd.txt', ['0 Surfing', '1 Archery'], 'not 1, 2, 3'),
        ('trainlist01.txt', ['Archery/v_Archery_g01_c01.avi 1'], 'has number 1, but classInd.txt gives Archery 2'),
        ('testlist03.txt', ['Chess/v_Chess_g01_c01.avi'], 'of a class that classInd.txt does not have'),
        (
            'testlist02.txt',
            ['Archery/v_Archery_g01_c01.avi'],
            'share 1 videos, the first being Archery/v_Archery_g01_c01.avi',
        ),
        ('testlist02.txt', ['Archery/v_Archery_g02_c01.avi'] * 2, 'name Archery/v_Archery_g02_c01.avi 2 times'),
    ],
)
def test_damaged_ucf101_files_are_refused(ucf101, file, lines, message):
    write(ucf101 / file, *lines)
    with pytest.raises(PreparationError, match=message):
        read_ucf101(ucf101)


def test_a_missing_ucf101_file_is_named(ucf101):
    (ucf101 / 'testlist03.txt').unlink()
    with pytest.raises(PreparationError, match=r'testlist03\.txt.*--annotations'):
        read_ucf101(ucf101)


def test_ucf101_videos_are_found_whatever_their_case_ending_and_upper_folders(ucf101):
    """The archive's v_HandstandPushups is v_HandStandPushups in the official lists."""
    files = read_ucf101(ucf101)
    there = ['UCF-101/Surfing/v_Surfing_g01_c01.avi', 'UCF-101/HandstandPushups/v_HandSTANDPushups_g01_c01.mp4']
    made = {one.name: one for one in locate(files, VideoIndex(there, files.classes, fold_case=True), 'videos', {})}
    assert made['ucf101_val_split_1_videos'].entries == [(there[0], 0), (there[1], 2)]
    assert made['ucf101_val_split_1_videos'].missing == ['Archery/v_Archery_g01_c01.avi']
    assert len(made['ucf101_train_split_1_videos'].missing) == 6


# ------------------------------------------------------------------------------------------------------------------ HMDB51
def test_hmdb51_takes_1_for_training_2_for_testing_and_leaves_0_out(hmdb51):
    files = read_hmdb51(hmdb51)
    assert files.classes == ['climb_stairs', 'kick', 'kick_ball']  # alphabetical
    assert files.splits == {
        'hmdb51_train_split_1_videos': [('kick/d.avi', 1), ('kick_ball/a.avi', 2)],
        'hmdb51_val_split_1_videos': [('kick/e.avi', 1), ('kick_ball/b#1 !.avi', 2)],
        'hmdb51_train_split_2_videos': [('kick/e.avi', 1), ('kick_ball/c.avi', 2)],
        'hmdb51_val_split_2_videos': [('kick/d.avi', 1), ('kick_ball/a.avi', 2)],
        'hmdb51_train_split_3_videos': [('kick/d.avi', 1), ('kick_ball/b#1 !.avi', 2)],
        'hmdb51_val_split_3_videos': [('kick/e.avi', 1), ('kick_ball/c.avi', 2)],
    }
    assert files.total == 6
    assert read_hmdb51(hmdb51.parent) == files


def test_hmdb51_names_are_taken_as_they_are_not_as_patterns(tmp_path):
    for split in (1, 2, 3):
        write(tmp_path / f'climb_test_split{split}.txt', '[f] g*.avi 1', 'f.avi 2')
    there = ['climb/[f] g*.avi', 'climb/f.avi', 'climb/g.avi']
    first = locate(read_hmdb51(tmp_path), VideoIndex(there, ['climb']), 'videos', {})[0]
    assert first.entries == [('climb/[f] g*.avi', 0)]


@pytest.mark.parametrize('line', ['a.avi 3', 'a.avi', 'a.avi 1x'])
def test_hmdb51_lines_without_0_1_or_2_are_refused(hmdb51, line):
    write(hmdb51 / 'kick_test_split2.txt', line)
    with pytest.raises(PreparationError, match='kick_test_split2.*not a video and 0, 1 or 2'):
        read_hmdb51(hmdb51)


def test_a_missing_hmdb51_file_is_named(hmdb51):
    (hmdb51 / 'kick_test_split3.txt').unlink()
    with pytest.raises(PreparationError, match='kick_test_split3.txt is missing'):
        read_hmdb51(hmdb51)
    with pytest.raises(PreparationError, match='--annotations'):
        read_hmdb51(hmdb51 / 'nowhere')


def test_published_counts_of_the_splits_agree_with_the_published_totals():
    for split in (1, 2, 3):
        assert sum(published.UCF101[f'ucf101_{part}_split_{split}_videos'] for part in ('train', 'val')) == 13320
        assert [published.HMDB51[f'hmdb51_{part}_split_{split}_videos'] for part in ('train', 'val')] == [3570, 1530]
    assert published.UCF101['ucf101_train_split_1_videos'] == 9537
    assert sum(published.SOMETHING_V2.values()) == published.SOMETHING_V2_TOTAL == 220847


# ----------------------------------------------------------------------------------------------------- Something-Something
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
    with pytest.raises(PreparationError, match='no train.json or something-something-v2-train.json'):
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
    with pytest.raises(PreparationError, match=r'single frames \(00001.jpg\).*ffmpeg -framerate 12'):
        check_no_frame_folders(tmp_path)


# ------------------------------------------------------------------------------------------------------------ hidden files
def test_hidden_files_of_an_archive_are_no_class_and_no_frames(hmdb51, tmp_path):
    files = read_hmdb51(hmdb51)
    for split in (1, 2, 3):
        (hmdb51 / f'._kick_test_split{split}.txt').write_bytes(b'\0\5\x16\7')  # resource fork of macOS
    assert read_hmdb51(hmdb51) == files
    (tmp_path / 'videos' / '.thumbnails').mkdir(parents=True)
    (tmp_path / 'videos' / '.thumbnails' / '00001.jpg').write_bytes(b'')
    check_no_frame_folders(tmp_path / 'videos')
