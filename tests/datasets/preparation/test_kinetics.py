"""Kinetics-400 and Kinetics-100: CSV files, class folders, and which classes."""

import os

import pytest

from videossl.datasets.preparation import (
    KineticsClip,
    PreparationError,
    VideoIndex,
    match_clips,
    read_kinetics_csv,
    videos_by_folder,
)

HEADER = 'label,youtube_id,time_start,time_end,split,is_cc'


def write_csv(folder, *rows, header=HEADER):
    path = folder / 'kinetics.csv'
    path.write_text('\n'.join([header, *rows]) + '\n', encoding='utf-8')
    return path


def test_rows_become_clips_with_underscores_in_their_class(tmp_path):
    path = write_csv(
        tmp_path, 'testifying,---QUuC4vJs,84,94,train,0', '"massaging person\'s head",--3ouPhoy2A,20.0,30.0,train,0'
    )
    assert read_kinetics_csv(path, 'train') == [
        KineticsClip('testifying', '---QUuC4vJs', 84, 94),
        KineticsClip("massaging_person's_head", '--3ouPhoy2A', 20, 30),
    ]


def test_the_usual_names_of_files_are_padded_to_six_digits():
    assert KineticsClip('yawning', 'abc', 7, 17).names == ['abc_000007_000017', 'abc']
    assert KineticsClip('yawning', 'abc').names == ['abc']


@pytest.mark.parametrize('split, wanted', [('train', ['a']), ('val', ['b', 'c']), ('test', ['d'])])
def test_only_rows_of_the_split_are_read(tmp_path, split, wanted):
    path = write_csv(
        tmp_path,
        *(
            f'yawning,{name},0,10,{of},0'
            for name, of in (('a', 'train'), ('b', 'validate'), ('c', 'val'), ('d', 'test'))
        ),
    )
    assert [clip.youtube_id for clip in read_kinetics_csv(path, split)] == wanted


def test_times_and_split_may_be_missing(tmp_path):
    path = write_csv(tmp_path, 'yawning,a', header='label,youtube_id')
    assert read_kinetics_csv(path, 'val') == [KineticsClip('yawning', 'a')]


def test_the_test_file_may_lack_labels_but_others_may_not(tmp_path):
    path = write_csv(tmp_path, 'a,0,10,test', header='youtube_id,time_start,time_end,split')
    assert read_kinetics_csv(path, 'test', needs_labels=False) == [KineticsClip(None, 'a', 0, 10)]
    with pytest.raises(PreparationError, match='has no column label'):
        read_kinetics_csv(path, 'test')


@pytest.mark.parametrize(
    'header, rows, message',
    [
        ('class,id', ['yawning,a'], 'no column label and no column youtube_id; its first row is "class,id"'),
        ('label,time_start', ['yawning,1'], 'no column youtube_id'),
        (HEADER, ['yawning,a,soon,10,train,0'], 'row 2: time_start is "soon"'),
        (HEADER, ['yawning,a,0,10,train,0', ',b,0,10,train,0'], 'row 3: there is no label'),
        (HEADER, ['yawning'], 'row 2: there is no youtube_id'),
        (HEADER, ['yawning,a,0,10,validate,0'], 'no row of the split train; its rows are of validate'),
        (HEADER, [], 'no row of the split train'),
    ],
)
def test_csv_files_that_cannot_be_meant_are_refused(tmp_path, header, rows, message):
    with pytest.raises(PreparationError, match=message):
        read_kinetics_csv(write_csv(tmp_path, *rows, header=header), 'train')


def test_a_missing_csv_file_is_named(tmp_path):
    with pytest.raises(PreparationError, match='nowhere.csv; name the CSV file with --val-csv'):
        read_kinetics_csv(tmp_path / 'nowhere.csv', 'val')


CLIPS = [
    KineticsClip('air_drumming', 'A', 0, 10),
    KineticsClip('yawning', 'B', 5, 15),
    KineticsClip('yawning', 'C', 1, 11),
]
CLASSES = ['air_drumming', 'yawning']


@pytest.mark.parametrize(
    'paths',
    [
        ['air_drumming/A_000000_000010.mp4', 'yawning/B_000005_000015.mp4'],
        ['air drumming/A_000000_000010.mp4', 'yawning/B_000005_000015.mkv'],
        ['air drumming/A.mp4', 'yawning/B.webm'],
        ['A_000000_000010.mp4', 'B_000005_000015.mp4'],
        ['part_1/A.mp4', 'part_2/B_000005_000015.mp4'],
    ],
)
def test_clips_are_found_in_class_folders_with_spaces_or_underscores_and_without_class_folders(paths):
    matched = match_clips(CLIPS, VideoIndex(paths, CLASSES))
    assert matched.videos == [(paths[0], 'air_drumming'), (paths[1], 'yawning')]
    assert matched.missing == ['yawning/C_000001_000011.mp4']


def test_two_clips_of_one_video_are_two_where_their_names_are():
    clips = [KineticsClip('yawning', 'A', 0, 10), KineticsClip('yawning', 'A', 50, 60)]
    paths = ['yawning/A_000000_000010.mp4', 'yawning/A_000050_000060.mp4']
    assert match_clips(clips, VideoIndex(paths, CLASSES)).videos == [(path, 'yawning') for path in paths]


def test_repeated_rows_count_once_and_contradictory_ones_not_at_all():
    clips = [
        CLIPS[0],
        CLIPS[1],
        CLIPS[0],
        KineticsClip('yawning', 'D'),
        KineticsClip('air_drumming', 'D'),
        KineticsClip('yawning', 'E'),
        KineticsClip('yawning', 'E'),
    ]
    matched = match_clips(clips, VideoIndex(['A.mp4', 'yawning/B.mp4', 'D.mp4'], CLASSES))
    assert matched.videos == [('A.mp4', 'air_drumming'), ('yawning/B.mp4', 'yawning')]
    assert matched.repeated == 2  # A, and E, which is missing
    assert matched.contradictory == ['D.mp4']
    assert matched.missing == ['yawning/E.mp4']


def test_class_folders_with_spaces_and_with_underscores_are_one_class():
    paths = [os.path.join('air drumming', 'A.mp4'), os.path.join('air_drumming', 'x', 'B.mp4')]
    assert videos_by_folder(paths, '') == [(paths[0], 'air_drumming'), (paths[1], 'air_drumming')]
    with pytest.raises(PreparationError, match='C.mp4 lies in no class folder; do that'):
        videos_by_folder(['C.mp4'], 'do that')
