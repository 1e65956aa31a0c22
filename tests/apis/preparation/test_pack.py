"""tools/data/pack.py: archives and lists that training reads in place of a folder of files."""

import tarfile

import pytest

from videossl.apis.preparation.pack import main, pack
from videossl.datasets.annotations import read_annotations
from videossl.datasets.readers.shards import place_of
from videossl.errors import ConfigError

CONTENTS = {f'class {number % 2}/{number}.mp4': bytes([number]) * (1000 + number) for number in range(5)}


@pytest.fixture
def folder(tmp_path):
    for name, content in CONTENTS.items():
        path = tmp_path / 'videos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / 'videos'


def content_at(out, path) -> bytes:
    place = place_of(path)
    content = (out / place.file).read_bytes()
    return content[place.start : place.start + place.size]


def test_each_path_of_a_list_names_the_bytes_of_its_video(folder, tmp_path):
    (folder / 'train.txt').write_text(''.join(f'{name} {number}\n' for number, name in enumerate(CONTENTS)))
    out = tmp_path / 'out'
    pack(str(folder), str(out), shard_gib=2500 / 2**30)
    assert len(list(out.glob('*.tar'))) == 3, 'two videos of a thousand bytes each'
    entries = read_annotations(str(out / 'train.txt'))
    assert [label for _, label in entries] == list(range(5))
    for (path, _), (name, content) in zip(entries, CONTENTS.items(), strict=True):
        assert path.endswith(f'/{name}') and content_at(out, path) == content


def test_without_a_list_one_of_all_videos_is_written(folder, tmp_path):
    main(['--data-root', str(folder), '--out', str(tmp_path / 'out')])
    paths = [path for path, _ in read_annotations(str(tmp_path / 'out' / 'videos.txt'))]
    assert {content_at(tmp_path / 'out', path) for path in paths} == set(CONTENTS.values())
    with tarfile.open(tmp_path / 'out' / 'shard_00000.tar') as archive:
        assert set(archive.getnames()) == set(CONTENTS), 'any tar reads it'


def test_a_missing_video_keeps_its_path_and_is_told(folder, tmp_path, capsys):
    (folder / 'some.txt').write_text('gone.mp4 1\nclass 0/0.mp4 2\n')
    pack(str(folder), str(tmp_path / 'out'), ['some.txt'])
    assert [path for path, _ in read_annotations(str(tmp_path / 'out' / 'some.txt'))][0] == 'gone.mp4'
    assert '1 videos do not exist' in capsys.readouterr().out


def test_a_folder_with_something_in_it_is_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match='is not empty'):
        pack(str(folder), str(folder))
    with pytest.raises(SystemExit, match='there is no folder'):
        main(['--data-root', str(tmp_path / 'none'), '--out', str(tmp_path / 'out')])
