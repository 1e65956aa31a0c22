"""Checking videos: results are kept, unreadable videos are named, and a process that dies ends nothing."""

import json
import os
import signal
import time

import pytest

from videossl.datasets.preparation import check_videos
from videossl.datasets.readers.shards import path_in_shard


def read_by_name(path):
    """Stands in for a decoder; must be found by name from another process."""
    name = os.path.basename(path)
    with open(os.path.join(os.path.dirname(path), 'log.txt'), 'a') as log:
        log.write(f'{name}\n')
    if name.startswith('crash'):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith('hang'):
        time.sleep(60)
    if name.startswith('bad'):
        raise ValueError('it is bad')
    return 7


def make(folder, *names):
    for name in names:
        (folder / name).write_text(name)
    return [str(folder / name) for name in names]


def read_log(folder):
    """Names that were read since the last call."""
    path = folder / 'log.txt'
    names = sorted(path.read_text().split()) if path.exists() else []
    path.unlink(missing_ok=True)
    return names


def test_a_process_that_dies_or_hangs_costs_one_video_and_no_more(tmp_path):
    paths = make(tmp_path, 'a', 'crash_1', 'b', 'hang', 'bad', 'crash_2', 'c', 'd')
    begun = time.monotonic()
    unreadable = check_videos(paths, tmp_path / 'cache' / 'checked.jsonl', workers=2, timeout=1, read=read_by_name)
    assert time.monotonic() - begun < 40
    assert {os.path.basename(path): reason for path, reason in unreadable.items()} == {
        'crash_1': 'the decoder took its process down (exit code -9)',
        'hang': 'not read within 1 seconds',
        'bad': 'it is bad',
        'crash_2': 'the decoder took its process down (exit code -9)',
    }
    assert read_log(tmp_path) == sorted(os.path.basename(path) for path in paths)

    # Once more: only what took its process down is read again, and the same is unreadable.
    again = check_videos(paths, tmp_path / 'cache' / 'checked.jsonl', workers=1, timeout=1, read=read_by_name)
    assert again == unreadable
    assert read_log(tmp_path) == ['crash_1', 'crash_2', 'hang']


def test_a_check_that_was_cut_off_goes_on(tmp_path):
    cache = tmp_path / 'checked.jsonl'
    paths = make(tmp_path, 'a', 'bad', 'c')
    check_videos(paths, cache, workers=1, read=read_by_name)
    lines = cache.read_text().splitlines()
    assert [json.loads(line)['frames'] for line in lines] == [7, None, 7]
    read_log(tmp_path)

    cache.write_text('\n'.join(lines[:2]) + '\n' + lines[2][:20])  # as a full disk leaves it
    unreadable = check_videos(paths, cache, workers=1, read=read_by_name)
    assert read_log(tmp_path) == ['c']
    assert list(unreadable.values()) == ['it is bad']
    assert check_videos(paths, cache, workers=1, read=read_by_name) == unreadable
    assert read_log(tmp_path) == []

    (tmp_path / 'a').write_text('changed')
    make(tmp_path, 'new')
    check_videos([*paths, str(tmp_path / 'new')], cache, workers=1, read=read_by_name)
    assert read_log(tmp_path) == ['a', 'new']


def test_results_outlive_a_move_of_the_whole_folder(tmp_path):
    old = tmp_path / 'old'
    old.mkdir()
    check_videos(make(old, 'a', 'bad'), old / 'checked.jsonl', workers=1, read=read_by_name)
    new = old.rename(tmp_path / 'new')
    read_log(new)
    assert list(check_videos([str(new / 'a'), str(new / 'bad')], new / 'checked.jsonl', read=read_by_name)) == [
        str(new / 'bad')
    ]
    assert read_log(new) == []


def length_of_name(path):
    return len(os.path.basename(path))


def test_a_video_in_an_archive_is_read_again_when_the_archive_has_changed(tmp_path):
    archive, cache = tmp_path / 'videos.tar', tmp_path / 'checked.jsonl'
    path = path_in_shard(str(archive), 512, 9, 'a/b.mp4')
    for size, entries in ((1024, 1), (None, 1), (2048, 2)):
        if size is not None:
            archive.write_bytes(bytes(size))
        assert check_videos([path], cache, workers=1, read=length_of_name) == {}
        assert [json.loads(line)['frames'] for line in cache.open()] == [5] * entries


def test_videos_are_really_read(good_videos, bad_videos, tmp_path):
    good = [str(path) for path in good_videos.iterdir()] + [str(bad_videos / 'one_frame.mp4')]
    bad = [
        str(bad_videos / name)
        for name in (
            'zero_bytes.mp4',
            'text.mp4',
            'folder.mp4',
            'missing.mp4',
            'index_cut_off.mp4',
            'frames_cut_off.mp4',
            'cut_off.avi',
        )
    ]
    unreadable = check_videos(good + bad, tmp_path / 'checked.jsonl', workers=2)
    assert list(unreadable) == bad
    assert unreadable[bad[3]] == 'the file does not exist'
    frames = {entry['path']: entry['frames'] for entry in map(json.loads, (tmp_path / 'checked.jsonl').open())}
    assert frames[os.path.relpath(good[0], tmp_path)] == 40
    assert frames[os.path.relpath(good[-1], tmp_path)] == 1


def test_a_reader_that_cannot_be_had_in_another_process_is_an_error_and_no_endless_loop(tmp_path):
    with pytest.raises(Exception, match='pickle|began|local'):
        check_videos(make(tmp_path, 'a'), tmp_path / 'checked.jsonl', workers=1, read=lambda path: 1)
