"""The record of broken videos: the share at which a run stops, and the list."""

import logging
from contextlib import contextmanager
from multiprocessing import get_context

import pytest
from mmengine.logging import MMLogger

from videossl.datasets.broken_videos import BrokenVideos, add_line


@contextmanager
def log_file_in_memory():
    messages, handler, logger = [], logging.Handler(), MMLogger.get_current_instance()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


def test_the_share_of_a_large_data_set_is_judged_after_a_hundred_videos():
    broken = BrokenVideos(1000)
    broken.tried[:99] = broken.named[:99] = True
    broken.check_share(0.5)
    broken.tried[99] = True
    with pytest.raises(RuntimeError, match='99 of the 100 videos'):
        broken.check_share(0.5)
    broken.tried[100:199] = True
    broken.check_share(0.5)  # 99 of 199


def add_lines(file, start):
    for number in range(50):
        add_line(file, f'{(start + number) % 50}.mp4', 'bad')


def test_processes_that_write_to_the_list_at_once_lose_and_repeat_nothing(tmp_path):
    file = str(tmp_path / 'work' / 'broken_videos.txt')
    processes = [get_context('fork').Process(target=add_lines, args=(file, 12 * number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    lines = (tmp_path / 'work' / 'broken_videos.txt').read_text().splitlines()
    assert sorted(lines) == sorted(f'{number}.mp4\tbad' for number in range(50))


def test_names_with_line_breaks_stay_on_one_line_and_a_torn_line_is_closed(tmp_path):
    file = tmp_path / 'broken_videos.txt'
    file.write_text('torn of')
    for _ in range(2):
        add_line(str(file), 'a\nb\tc\\d \udcff.mp4', 'two\nlines')
        add_line(str(file), 'd \udcff.mp4', 'other')
    assert file.read_bytes() == b'torn of\na\\nb\\tc\\\\d \xff.mp4\ttwo lines\nd \xff.mp4\tother\n'


def test_half_a_character_in_a_name_is_written_as_in_python(tmp_path):
    file = tmp_path / 'broken_videos.txt'
    for _ in range(2):
        add_line(str(file), '\ud800.mp4', 'not \udfff')
    assert file.read_text() == '\\ud800.mp4\tnot \\udfff\n'
    broken = BrokenVideos(1)
    broken.file = file
    with log_file_in_memory() as messages:
        broken.record(0, 'a\nb \ud800 \udcff.mp4', 'gone', 'it stays')
    assert messages == ['cannot read a\\nb \\ud800 \\udcff.mp4: gone; it stays']
