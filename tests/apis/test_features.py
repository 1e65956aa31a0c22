"""The command that extracts features."""

import functools
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from extraction_making import CONFIG, make_model, press_ctrl_c, stop_encoder, write_videos
from mmengine.config import Config

from videossl.apis import extract_features
from videossl.apis.features import command, main
from videossl.apis.user_errors import OWN_ERRORS
from videossl.errors import UserError
from videossl.features.clip_features import ClipFeatures

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    return write_videos(tmp_path_factory.mktemp('videos'))


@pytest.fixture(scope='module')
def model():
    return make_model()


@pytest.fixture
def run(videos, model):
    """A function that extracts from the list of five videos."""

    def run(**settings):
        return extract_features(model, **{**dict(videos=videos / 'list.txt', progress=False), **settings})

    return run


@pytest.fixture
def interrupt(monkeypatch):
    return functools.partial(stop_encoder, monkeypatch)


@pytest.fixture
def trained(model, tmp_path):
    """Config and checkpoint files."""
    config = Config(CONFIG)
    config.dump(tmp_path / 'tiny.py')
    torch.save(dict(meta=dict(cfg=config.pretty_text), state_dict=model.state_dict()), tmp_path / 'epoch_1.pth')
    return [str(tmp_path / 'tiny.py'), str(tmp_path / 'epoch_1.pth'), '--device', 'cpu']


def test_the_tool_writes_the_file_and_says_what_is_in_it(trained, run, videos, tmp_path, capsys):
    (tmp_path / 'list.txt').write_text(f'{videos}/0.mp4 5\nmissing.mp4 6\n')
    main(
        [
            *trained,
            '--ann-file',
            str(tmp_path / 'list.txt'),
            '--out',
            str(tmp_path / 'out.npz'),
            '--num-clips',
            '2',
            '--resize',
            '40',
        ]
    )
    printed = capsys.readouterr().out
    for part in (
        '2 videos of list.txt, 2 views each, 32 numbers a view',
        '2 clips x 1 crop, 4 frames at interval 2, resized to 40, 32 px, avg pooling, fp32',
        '1 could not be read',
        'missing.mp4',
    ):
        assert part in printed
    features = ClipFeatures.load(tmp_path / 'out.npz')
    assert features.protocol['config'] == 'tiny.py' and features.labels.tolist() == [5, 6]
    expected = run(videos=[videos / '0.mp4'], num_clips=2, resize=40).features[0]
    np.testing.assert_allclose(features.features[0], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    'named', [['--data-root', '{0}'], ['--data-root', '{0}', '--ann-file', 'list.txt'], ['--ann-file', '{0}/list.txt']]
)
def test_the_tool_takes_a_folder_a_list_or_both(trained, run, videos, tmp_path, named):
    main([*trained, *(argument.format(videos) for argument in named), '--out', str(tmp_path / 'out.npz')])
    np.testing.assert_array_equal(ClipFeatures.load(tmp_path / 'out.npz').features, run().features)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--out', 'a.npz'], 'name the videos: --data-root FOLDER, --ann-file LIST'),
        (['--out', 'a.npz', '--data-root', 'nowhere'], 'nowhere does not exist'),
        (['--out', 'a.txt', '--data-root', '.'], '.npz or .parquet'),
        (['--out', 'a.npz', '--data-root', '.', '--cfg-options', 'modle.backbone.depth=18'], 'did you mean "model"'),
        (
            ['--out', 'a.npz', '--data-root', '.', '--cfg-options', 'model.backbone.depth=18'],
            'not of this backbone, R3D',
        ),
    ],
)
def test_the_tool_ends_with_a_sentence(trained, videos, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(videos)
    with pytest.raises((UserError, *OWN_ERRORS), match=message):
        main([*trained, *arguments])


def test_the_tool_can_be_interrupted(trained, videos, tmp_path, interrupt):
    interrupt(after=0, how=press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        main([*trained, '--data-root', str(videos), '--out', str(tmp_path / 'out.npz')])


def test_the_script_is_this_tool():
    assert runpy.run_path(str(ROOT / 'tools' / 'extract_features.py'), run_name='script')['command'] is command
