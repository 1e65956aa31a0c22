"""The tool that finds broken videos beforehand."""

import json

import av
import numpy as np
import pytest

from videossl.apis.preparation import check_videos as tool


def write_video(path, num_frames=40):
    """Random blocks."""
    blocks = np.random.default_rng(0).integers(0, 256, (num_frames, 8, 8, 3), dtype=np.uint8)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=25)
        stream.width = stream.height = 64
        for frame in blocks.repeat(8, axis=1).repeat(8, axis=2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode())


@pytest.fixture
def videos(tmp_path):
    folder = tmp_path / 'my videos'
    folder.mkdir()
    for number in range(2):
        write_video(folder / f'{number}.mp4')
    (folder / 'text.mp4').write_text('no video')
    return folder


def run(*arguments):
    """The tool; (status, as the shell sees it)."""
    try:
        tool.main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code
    return 0


def test_broken_videos_are_listed_and_the_second_call_reads_nothing_again(tmp_path, videos, capsys):
    command = ['--data-root', videos, '--out', tmp_path / 'out', '--workers', 2]
    for _ in range(2):
        assert run(*command) == 1
        printed = capsys.readouterr().out
        assert '1 of 3 videos cannot be read' in printed and f'{videos}/text.mp4: ' in printed
        (line,) = (tmp_path / 'out' / 'broken_videos.txt').read_text().splitlines()
        assert line.split('\t')[0] == f'{videos}/text.mp4' and line.split('\t')[1]
    results = [json.loads(line) for line in (tmp_path / 'out' / 'three_frames.jsonl').read_text().splitlines()]
    assert sorted(result['frames'] or 0 for result in results) == [0, 40, 40]

    (videos / 'text.mp4').unlink()
    assert run(*command) == 0
    assert 'all 2 videos can be read' in capsys.readouterr().out
    assert (tmp_path / 'out' / 'broken_videos.txt').read_text() == ''


def test_a_list_is_read_as_the_data_set_reads_it(tmp_path, videos, capsys):
    (videos / 'list.txt').write_text('0 3\n1.mp4 2\nmissing.mp4 1\n0.mp4 3\n')
    assert run('--data-root', videos, '--ann-file', 'list.txt', '--out', tmp_path / 'out', '--workers', 1) == 1
    assert '1 of 3 videos' in capsys.readouterr().out
    assert (tmp_path / 'out' / 'broken_videos.txt').read_text() == f'{videos}/missing.mp4\tthe file does not exist\n'


def test_every_frame_is_read_only_when_asked(tmp_path, videos, monkeypatch):
    asked = []
    decode = tool.DecodeClips.transform

    def transform(self, results):
        asked.extend(results['frame_inds'].tolist())
        return decode(self, results)

    monkeypatch.setattr(tool.DecodeClips, 'transform', transform)
    assert tool.read_every_frame(str(videos / '0.mp4')) == 40 and asked == list(range(40))
    asked.clear()
    assert tool.read_video(str(videos / '0.mp4')) == 40 and asked == [0, 20, 39]


@pytest.mark.parametrize(
    'arguments, words',
    [
        ([], ['--data-root', '--ann-file']),
        (['--data-root', '{folder}/nowhere'], ['nowhere', 'does not exist']),
        (['--data-root', '{folder}', '--ann-file', 'nowhere.txt'], ['nowhere.txt', 'does not exist']),
        (['--data-root', '{folder}/wrong', '--ann-file', '{folder}/list.txt'], ['none of the 2 videos', 'wrong/0.mp4']),
    ],
)
def test_what_is_not_there_is_said_in_one_line(tmp_path, videos, arguments, words):
    (videos / 'list.txt').write_text('0.mp4 3\n1.mp4 2\n')
    with pytest.raises((ValueError, OSError)) as error:
        run(*[argument.format(folder=videos) for argument in arguments], '--out', tmp_path / 'out')
    told = str(error.value)
    assert all(word in told for word in words) and '\n' not in told, told


@pytest.mark.parametrize('option', [['--workers', 0], ['--timeout', 0], ['--timeout', 'nan']])
def test_senseless_numbers_are_refused(videos, option):
    assert run('--data-root', videos, *option) == 2
