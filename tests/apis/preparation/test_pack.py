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


def test_names_without_ending_and_hard_links_name_the_bytes_of_their_video(folder, tmp_path):
    (folder / 'class 0' / 'link.mp4').hardlink_to(folder / 'class 0' / '2.mp4')
    (folder / 'some.txt').write_text('class 0/0 1\nclass 0/2.mp4 2\nclass 0/link.mp4 3\n')
    pack(str(folder), str(tmp_path / 'out'), ['some.txt'])
    paths = [path for path, _ in read_annotations(str(tmp_path / 'out' / 'some.txt'))]
    names = [f'class 0/{number}.mp4' for number in (0, 2, 2)]
    assert [content_at(tmp_path / 'out', path) for path in paths] == [CONTENTS[name] for name in names]


def test_the_same_call_goes_on_and_whole_archives_are_left_alone(folder, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    with monkeypatch.context() as patch:
        add = tarfile.TarFile.add
        patch.setattr(tarfile.TarFile, 'add', lambda self, path, name: 1 / 0 if '3' in name else add(self, path, name))
        with pytest.raises(ZeroDivisionError):
            pack(str(folder), str(out), shard_gib=2500 / 2**30)
    kept = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert sorted(path.name for path in kept) == ['shard_00000.tar', 'shard_00001.tar'], 'half an archive has its name'
    (out / '.shard_00002.tar.0123abcd.tmp').write_bytes(b'half, as after a kill')
    places = pack(str(folder), str(out), shard_gib=2500 / 2**30)
    assert {name: content_at(out, path) for name, path in places.items()} == CONTENTS
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    files = [*(f'shard_0000{number}.tar' for number in range(3)), 'videos.txt']
    assert sorted(path.name for path in out.iterdir()) == files
    assert pack(str(folder), str(out)) == places and sorted(path.name for path in out.iterdir()) == files


def test_changed_videos_and_those_of_a_damaged_archive_are_written_to_further_archives(folder, tmp_path, capsys):
    out = tmp_path / 'out'
    pack(str(folder), str(out), shard_gib=2500 / 2**30)
    changed = next(iter(CONTENTS))
    (folder / changed).write_bytes(b'other')
    places = pack(str(folder), str(out))
    assert {name for name, path in places.items() if path.startswith('shard_00003.tar')} == {changed}
    assert content_at(out, places[changed]) == b'other'
    (out / 'shard_00001.tar').write_bytes((out / 'shard_00001.tar').read_bytes()[:1700])
    places = pack(str(folder), str(out))
    assert {name: content_at(out, path) for name, path in places.items()} == {**CONTENTS, changed: b'other'}
    assert 'shard_00001.tar is damaged' in capsys.readouterr().out


def test_folders_that_cannot_be_meant_are_refused_before_anything_is_written(folder, tmp_path):
    before = sorted(tmp_path.rglob('*'))
    for out in (folder, folder / 'packed', tmp_path):
        with pytest.raises(ConfigError, match='--out must not be'):
            pack(str(folder), str(out))
    with pytest.raises(ConfigError, match='there is no folder'):
        main(['--data-root', str(tmp_path / 'none'), '--out', str(tmp_path / 'out')])
    assert sorted(tmp_path.rglob('*')) == before
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine' / 'thesis.tex').touch()
    with pytest.raises(ConfigError, match='holds files that this tool did not write'):
        pack(str(folder), str(tmp_path / 'mine'))
    for list_folder in ('class 0', 'class 1'):
        (folder / list_folder / 'some.txt').write_text('0.mp4 1\n1.mp4 1\n')
    with pytest.raises(ConfigError, match='would both be written to .*some.txt'):
        pack(str(folder), str(tmp_path / 'out'), ['class 0/some.txt', 'class 1/some.txt'])
