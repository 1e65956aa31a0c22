"""Official split files of HMDB51, in small."""

import pytest

from videossl.datasets.preparation import PreparationError, VideoIndex, locate, read_hmdb51


def write(path, *lines, newline='\n'):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(''.join(f'{line}{newline}' for line in lines).encode())


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


def test_hidden_files_of_an_archive_are_no_class(hmdb51):
    files = read_hmdb51(hmdb51)
    for split in (1, 2, 3):
        (hmdb51 / f'._kick_test_split{split}.txt').write_bytes(b'\0\5\x16\7')  # resource fork of macOS
    assert read_hmdb51(hmdb51) == files
