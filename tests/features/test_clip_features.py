"""Features in memory and in files."""

import json
import os
import pickle

import numpy as np
import pytest

from videossl.features.clip_features import ClipFeatures

PROTOCOL = dict(
    clips=2,
    crops=3,
    size=64,
    resize=[171, 128],
    pooling='avg',
    split='list é.txt',
    config=None,
    pixels=dict(mean=[0.5]),
)


def some_features(labels=(3, -1, 0, 7)):
    features = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)
    features[2] = 0
    paths = ['a b/1.mp4', 'ü.mp4', '../x.avi', 'a b/1.mp4']
    return ClipFeatures(
        features, None if labels is None else np.array(labels), paths, np.array([True, True, False, True]), PROTOCOL
    )


def assert_equal(one, other):
    assert one.features.dtype == other.features.dtype == np.float32
    np.testing.assert_array_equal(one.features, other.features)
    if one.labels is None:
        assert other.labels is None
    else:
        assert one.labels.dtype == other.labels.dtype == np.int64
        np.testing.assert_array_equal(one.labels, other.labels)
    assert one.readable.dtype == other.readable.dtype == bool
    np.testing.assert_array_equal(one.readable, other.readable)
    assert one.paths == other.paths and one.protocol == other.protocol


@pytest.mark.parametrize('ending', ['npz', 'parquet'])
@pytest.mark.parametrize('labels', [(3, -1, 0, 7), None])
def test_a_file_gives_back_what_was_saved(tmp_path, ending, labels):
    if ending == 'parquet':
        pytest.importorskip('pyarrow')
    path = tmp_path / 'new folder' / f'features.{ending}'
    features = some_features(labels)
    features.save(path)
    assert_equal(features, ClipFeatures.load(path))
    assert os.listdir(path.parent) == [path.name], 'a temporary file was left'


@pytest.mark.parametrize('ending', ['npz', 'parquet'])
def test_no_videos_at_all_can_be_saved_too(tmp_path, ending):
    if ending == 'parquet':
        pytest.importorskip('pyarrow')
    empty = ClipFeatures(np.zeros((0, 2, 3)), np.zeros(0), [], np.zeros(0), {})
    empty.save(tmp_path / f'empty.{ending}')
    assert_equal(empty, ClipFeatures.load(tmp_path / f'empty.{ending}'))


def test_the_npz_file_opens_with_numpy_alone(tmp_path):
    some_features().save(tmp_path / 'features.npz')
    with np.load(tmp_path / 'features.npz', allow_pickle=False) as content:
        assert content['paths'][1] == 'ü.mp4' and content['features'].shape == (4, 6, 5)
        assert json.loads(content['protocol'].item()) == PROTOCOL


def test_views_are_averaged_over_all_of_them_or_over_the_crops_of_a_clip():
    views = np.array([[[3, 4], [0, 2], [0, 0], [6, 8]]], dtype=np.float32)  # two clips of two crops
    features = ClipFeatures(views, None, ['a'], [True], dict(crops=2))
    np.testing.assert_allclose(features.averaged(), [[2.25, 3.5]])
    np.testing.assert_allclose(features.averaged(over='crops'), [[[1.5, 3], [3, 4]]])
    # Lengths 5, 2, 0 and 10.
    np.testing.assert_allclose(features.averaged(normalise=True), [[(0.6 + 0.6) / 4, (0.8 + 1 + 0.8) / 4]], rtol=1e-6)
    np.testing.assert_array_equal(views[0, 0], [3, 4], 'the features themselves were changed')


def test_an_average_that_cannot_be_meant_is_refused():
    features = some_features()
    with pytest.raises(ValueError, match='over must be one of'):
        features.averaged(over='frames')
    features.protocol = dict(crops=4)
    with pytest.raises(ValueError, match='6 views are not clips of 4 crops'):
        features.averaged(over='crops')


def test_unreadable_videos_have_names():
    assert some_features().unreadable == ['../x.avi'] and len(some_features()) == 4


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(features=np.zeros((4, 5))), r'\[videos, views, channels\]'),
        (dict(paths=['a']), 'one entry for each video'),
        (dict(labels=[1, 2]), 'one entry for each video'),
        (dict(readable=[True]), 'one entry for each video'),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(changes, message):
    parts = dict(features=np.zeros((4, 1, 5)), labels=None, paths=list('abcd'), readable=np.ones(4), protocol={})
    with pytest.raises(ValueError, match=message):
        ClipFeatures(**{**parts, **changes})


def test_a_protocol_that_json_does_not_have_is_refused_and_no_file_is_left(tmp_path):
    features = some_features()
    features.protocol = dict(size=np.zeros(3))
    with pytest.raises(ValueError, match='plain types'):
        features.save(tmp_path / 'features.npz')
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / 'features.npz'
    some_features().save(path)
    before = path.read_bytes()

    def fail(file, **arrays):
        file.write(b'half')
        raise OSError('No space left on device')

    monkeypatch.setattr(np, 'savez', fail)
    with pytest.raises(OSError, match='No space'):
        some_features(None).save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ['features.npz']


class Bomb:
    """What a hostile file would hold."""

    def __reduce__(self):
        return os.mkdir, ('exploded',)


def write_wrong(path, kind):
    if kind == 'text':
        path.write_text('features')
    elif kind == 'empty':
        path.write_bytes(b'')
    elif kind == 'cut':
        some_features().save(path)
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == 'other arrays':
        np.savez(path, x=np.zeros(3))
    elif kind == 'one array':
        with open(path, 'wb') as file:
            np.save(file, np.zeros(3))
    elif kind == 'pickle':
        path.write_bytes(pickle.dumps(Bomb()))
    elif kind == 'objects':
        np.savez(path, features=np.array([Bomb()], dtype=object), paths=[], readable=[], protocol=np.array('{}'))
    elif kind == 'other lengths':
        np.savez(
            path, features=np.zeros((2, 1, 1)), paths=np.array(['a']), readable=np.ones(2), protocol=np.array('{}')
        )


@pytest.mark.parametrize(
    'kind', ['text', 'empty', 'cut', 'other arrays', 'one array', 'pickle', 'objects', 'other lengths']
)
def test_a_file_of_something_else_is_named_and_runs_no_code(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'wrong.npz'
    write_wrong(path, kind)
    with pytest.raises(ValueError, match='wrong.npz is no whole file of features'):
        ClipFeatures.load(path)
    assert not (tmp_path / 'exploded').exists()


def test_a_parquet_file_of_something_else_is_named(tmp_path):
    pyarrow = pytest.importorskip('pyarrow')
    parquet = pytest.importorskip('pyarrow.parquet')
    parquet.write_table(pyarrow.table(dict(x=[1, 2])), tmp_path / 'wrong.parquet')
    (tmp_path / 'text.parquet').write_text('features')
    for name in ('wrong', 'text'):
        with pytest.raises(ValueError, match=f'{name}.parquet is no whole file of features'):
            ClipFeatures.load(tmp_path / f'{name}.parquet')


def test_missing_files_and_other_endings_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nothing.npz'):
        ClipFeatures.load(tmp_path / 'nothing.npz')
    with pytest.raises(ValueError, match='.npz or .parquet'):
        some_features().save(tmp_path / 'features.csv')


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    import builtins

    original = builtins.__import__

    def without_pyarrow(name, *args, **kwargs):
        if name.startswith('pyarrow'):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without_pyarrow)
    with pytest.raises(ImportError, match='pip install pyarrow'):
        some_features().save(tmp_path / 'features.parquet')
