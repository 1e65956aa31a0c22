"""The picture tools on runs and features: names of runs, titles, and errors of the user."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from videossl.features.clip_features import ClipFeatures
from videossl.visualization import find_runs


@pytest.fixture
def run_folders(tmp_path):
    for name in ('recipe/aux', 'recipe/vspp', 'other/vspp'):
        folder = tmp_path / name / '20250101_120000' / 'vis_data'
        folder.mkdir(parents=True)
        entries = [dict(loss=1.0 / step, acc_speed=0.1 * step, step=step) for step in (1, 2)]
        (folder / 'scalars.json').write_text(''.join(json.dumps(entry) + '\n' for entry in entries))
    return tmp_path


def test_runs_are_found_and_named(run_folders):
    recipe, other = str(run_folders / 'recipe'), str(run_folders / 'other' / 'vspp')
    assert list(find_runs([recipe])) == ['aux', 'vspp']
    assert list(find_runs([recipe, other])) == ['aux', 'recipe/vspp', 'other/vspp']
    assert list(find_runs([f'mine={other}', f'all={recipe}'])) == ['mine', 'all/aux', 'all/vspp']
    with pytest.raises(ValueError, match='holds no run'):
        find_runs([str(run_folders / 'missing')])
    with pytest.raises(ValueError, match='several runs are called other/vspp'):
        find_runs([other, other])


def test_the_curve_tool_draws_a_panel_for_each_quantity(analysis_tool, run_folders, read_picture):
    tool, out = analysis_tool('plot_curves'), str(run_folders / 'curves.png')
    widths = []
    for keys in ([], ['--keys', 'loss', 'acc_speed', '--chance', 'acc_speed=0.25']):
        tool.main([str(run_folders / 'recipe'), '--out', out, *keys])
        widths.append(read_picture(out).shape[1])
    assert widths[1] == 2 * widths[0]
    with pytest.raises(ValueError, match='no run logged acc_sped; they have'):
        tool.main([str(run_folders / 'recipe'), '--out', out, '--keys', 'acc_sped'])
    with pytest.raises(ValueError, match='--chance acc_speed'):
        tool.main([str(run_folders / 'recipe'), '--out', out, '--chance', 'acc_speed'])


def test_titles_name_checkpoint_and_pooling(features_file, analysis_tool, tmp_path, monkeypatch, videos):
    path = features_file(tmp_path / 'set.npz', [0, 1, 2, 3, 0, 1], ['b.mp4'])
    features = ClipFeatures.load(path)
    features.protocol.update(checkpoint='/home/me/vspp/epoch_20.pth', pooling='max')
    features.save(path)
    for name, drawn, arguments in (
        ('plot_embeddings', 'draw_embedding_map', [path]),
        ('retrieval_sheet', 'draw_retrieval_sheet', [path, path, '--data-root', str(videos)]),
    ):
        module, titles = analysis_tool(name), []
        monkeypatch.setattr(
            module, drawn, lambda *args, draw=getattr(module, drawn): titles.append(args[-1]) or draw(*args)
        )
        module.main([*arguments, '--out', str(tmp_path / 'picture.png')])
        assert titles[0].splitlines()[1] == 'vspp/epoch_20.pth, max pooling'


@pytest.mark.parametrize(
    ('name', 'arguments', 'words'),
    [
        ('browse_clips', ['gone.py'], 'gone.py'),
        ('cam', ['gone.py', 'gone.pth', '--videos', 'a.mp4', '--out', 'out'], 'gone.py'),
        ('plot_curves', ['gone'], 'holds no run'),
        ('confusion_matrix', ['gone.pkl'], 'gone.pkl'),
        ('confusion_matrix', ['wrong.pkl'], 'holds no predictions'),
        ('plot_embeddings', ['gone.npz'], 'gone.npz'),
        ('plot_embeddings', ['wrong.npz'], 'wrong.npz'),
        ('retrieval_sheet', ['wrong.npz', 'wrong.npz'], 'wrong.npz'),
    ],
)
def test_an_error_of_the_user_is_one_line_without_traceback(name, arguments, words, tmp_path, monkeypatch, capsys):
    script = Path(__file__).parents[2] / 'tools' / 'analysis' / f'{name}.py'
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('VIDEOSSL_DEBUG', raising=False)
    for wrong in ('wrong.pkl', 'wrong.npz'):
        Path(wrong).write_text('something else')
    monkeypatch.setattr(sys, 'argv', [str(script), *arguments])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(script), run_name='__main__')
    printed = capsys.readouterr().err.splitlines()
    assert stop.value.code == 1 and len(printed) == 2, printed  # the error, and how to see where it was raised
    assert printed[0].startswith('error: ') and words in printed[0]
