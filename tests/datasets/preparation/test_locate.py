"""The index of videos by their names."""

from videossl.datasets.preparation import KineticsClip, VideoIndex, match_clips

CLIPS = [
    KineticsClip('air_drumming', 'A', 0, 10),
    KineticsClip('yawning', 'B', 5, 15),
    KineticsClip('yawning', 'C', 1, 11),
]
CLASSES = ['air_drumming', 'yawning']


def test_a_file_in_the_folder_of_another_class_is_not_taken():
    matched = match_clips(CLIPS[:1], VideoIndex(['yawning/A.mp4'], CLASSES))
    assert matched.videos == [] and matched.missing == ['air_drumming/A_000000_000010.mp4']


def test_names_are_told_apart_by_their_case():
    matched = match_clips(CLIPS[:1], VideoIndex(['air_drumming/a.mp4'], CLASSES))
    assert matched.videos == []


def test_of_several_files_the_first_is_taken_and_they_are_reported():
    index = VideoIndex(['yawning/B.mkv', 'yawning/B.avi', 'copy/B.mp4'], CLASSES)
    assert index.find('B', 'yawning') == 'yawning/B.avi'
    assert index.duplicates == {'B': ['yawning/B.avi', 'yawning/B.mkv']}
