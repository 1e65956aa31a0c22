"""The videos of an extraction, and what is refused."""

import pytest

from videossl.errors import ConfigError
from videossl.features.video_list import list_videos


@pytest.mark.parametrize(
    ('named', 'message'),
    [
        ([], 'there are no videos'),
        (['no.mp4', 'neither.mp4'], 'none of the first 2 videos exists, the first being no.mp4'),
        ('no.mp4', 'none of the first 1 videos exists'),
        ('no.txt', 'no.txt does not exist'),
    ],
)
def test_videos_that_are_not_there_are_named_before_anything_starts(named, message):
    with pytest.raises(ConfigError, match=message):
        list_videos(named)


def test_an_empty_list_and_a_folder_without_videos_are_refused(tmp_path):
    (tmp_path / 'empty.txt').write_text('\n')
    with pytest.raises(ConfigError, match='lists no video'):
        list_videos(tmp_path / 'empty.txt')
    with pytest.raises(ConfigError, match='no video was found below'):
        list_videos(tmp_path)
