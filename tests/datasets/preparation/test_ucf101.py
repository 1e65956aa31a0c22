"""Official split files of UCF101, in small."""

import pytest

from videossl.datasets.preparation import PreparationError, VideoIndex, locate, read_ucf101

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
