"""Interrupted extractions: finished parts are kept, checked and used again."""

import functools
import os
import signal

import numpy as np
import pytest
import torch
from extraction_making import NAMES, press_ctrl_c, stop_encoder

from videossl.errors import ConfigError
from videossl.features.parts import OtherFeatures


# ---------------------------------------------------------------------------------------------------------- resumption
@pytest.fixture
def interrupt(monkeypatch):
    return functools.partial(stop_encoder, monkeypatch)


def test_an_interrupted_extraction_goes_on_and_decodes_nothing_twice(run, decoded, interrupt, tmp_path):
    settings = dict(save_every=2, batch_size=3)  # one video at once, two to a part
    run(**settings, out=tmp_path / 'uninterrupted.npz')
    assert decoded == NAMES
    decoded.clear()
    go_on = interrupt(after=3, how=press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run(**settings, out=tmp_path / 'features.npz')
    assert not (tmp_path / 'features.npz').exists()
    go_on()
    before = len(decoded)
    features = run(**settings, out=tmp_path / 'features.npz')
    assert decoded[before:] == ['2.mp4', '3.mp4', '4.mp4'], 'the first part was finished'
    assert (tmp_path / 'features.npz').read_bytes() == (tmp_path / 'uninterrupted.npz').read_bytes()
    np.testing.assert_array_equal(features.features, run().features)
    assert sorted(os.listdir(tmp_path)) == ['features.npz', 'uninterrupted.npz'], 'the parts were left'


def test_a_killed_extraction_leaves_what_the_next_one_needs(run, interrupt, decoded, tmp_path):
    settings = dict(save_every=1, batch_size=3, out=tmp_path / 'features.npz')
    child = os.fork()
    if child == 0:  # another process, which dies without a word
        interrupt(after=2, how=lambda: os.kill(os.getpid(), signal.SIGKILL))
        run(**settings)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    folder = tmp_path / 'features.npz.part'
    assert sorted(path.name for path in folder.glob('*.npz')) == ['0000000-0000001.npz', '0000001-0000002.npz']
    (folder / '0000002-0000003.npz.123.tmp').write_bytes(b'PK half of it')
    features = run(**settings)
    assert decoded == NAMES[2:]
    np.testing.assert_array_equal(features.features, run(batch_size=3).features)
    assert os.listdir(tmp_path) == ['features.npz']


def test_a_damaged_part_is_made_again(run, decoded, interrupt, tmp_path):
    settings = dict(save_every=1, batch_size=3, out=tmp_path / 'features.npz')
    go_on = interrupt(after=3, how=press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run(**settings)
    go_on()
    part = tmp_path / 'features.npz.part' / '0000001-0000002.npz'
    part.write_bytes(part.read_bytes()[:-50])
    decoded.clear()
    run(**settings)
    assert decoded == ['1.mp4', '3.mp4', '4.mp4']


@pytest.fixture
def half_done(run, interrupt, tmp_path):
    """An extraction that was interrupted."""
    go_on = interrupt(after=3, how=press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        run(save_every=1, batch_size=3, out=tmp_path / 'features.npz')
    go_on()
    return tmp_path / 'features.npz'


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(num_clips=2), 'num_clips: 3 there, 2 wanted'),
        (dict(pooling='max'), 'pooling: avg there, max wanted'),
        (dict(precision='bf16'), 'precision: fp32 there, bf16 wanted'),
    ],
)
def test_other_settings_are_refused_with_what_to_do(run, decoded, half_done, settings, message):
    with pytest.raises(OtherFeatures, match=f'features.npz.part .*{message}.*--out'):
        run(save_every=1, out=half_done, **settings)
    assert len(decoded) == 4, 'something was decoded before the refusal'
    assert list(half_done.with_name('features.npz.part').glob('*.npz'))


def test_another_list_and_other_weights_are_refused(run, videos, model, half_done, tmp_path):
    (tmp_path / 'other.txt').write_text(''.join(f'{name} {10 + number}\n' for number, name in enumerate(NAMES[::-1])))
    with pytest.raises(OtherFeatures, match='the list of videos'):
        run(videos=tmp_path / 'other.txt', data_root=videos, save_every=1, out=half_done)
    with torch.no_grad():
        model.backbone.stem.conv.weight[0, 0, 0, 0, 0] += 1
    try:
        with pytest.raises(OtherFeatures, match='the weights'):
            run(save_every=1, out=half_done)
    finally:
        with torch.no_grad():
            model.backbone.stem.conv.weight[0, 0, 0, 0, 0] -= 1


def test_a_smaller_batch_may_go_on(run, decoded, half_done):
    decoded.clear()
    run(save_every=1, batch_size=1, out=half_done)
    assert decoded == NAMES[3:]


def test_a_finished_file_is_neither_made_again_nor_overwritten(run, decoded, tmp_path):
    out = tmp_path / 'features.npz'
    first = run(out=out)
    decoded.clear()
    again = run(out=out)
    assert not decoded
    np.testing.assert_array_equal(again.features, first.features)
    with pytest.raises(OtherFeatures, match='features.npz .*size: 32 there, 16 wanted'):
        run(out=out, size=16)
    out.write_text('my diary')
    with pytest.raises(ConfigError, match='no whole file of features') as refusal:
        run(out=out)
    assert out.read_text() == 'my diary' and refusal.type is ConfigError


def test_a_folder_of_somebody_else_is_not_touched(run, tmp_path):
    folder = tmp_path / 'features.npz.part'
    folder.mkdir()
    (folder / 'diary.txt').write_text('dear')
    with pytest.raises(ConfigError, match='no unfinished extraction') as refusal:
        run(out=tmp_path / 'features.npz')
    assert os.listdir(folder) == ['diary.txt'] and refusal.type is ConfigError
