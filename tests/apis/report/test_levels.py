"""What guessing gives, as a page shows it."""

from types import SimpleNamespace

import pytest

from videossl.apis.report.levels import ceiling_levels, chance_levels
from videossl.apis.report.work_folder import Notes, RunFolder
from videossl.compat import config_directory
from videossl.config_files import load_config


@pytest.mark.parametrize(
    'name, expected',
    [
        ('vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py', dict(acc_speed=1 / 4, acc_segment=1 / 4)),
        ('psp_r3d-10_16x1x1-64px-20e_videos-rgb.py', dict(acc_order=1 / 6)),
        ('opn_caffenet_1x1x1-64px-20e_videos-rgb.py', dict(acc_frame_order=1 / 12)),
        ('shuffle-and-learn_caffenet_1x1x1-64px-20e_videos-rgb.py', dict(acc_tuple=3 / 4)),  # the larger class
    ],
)
def test_guessing_is_that_of_the_head_and_of_the_samplers_classes(name, expected):
    config = load_config(f'{config_directory()}/laptop/{name}')
    run = SimpleNamespace(name='a run', config=config, dataset=lambda split: config.train_dataloader.dataset)
    notes = SimpleNamespace(attempt=lambda what, instead, function, *arguments: function(*arguments))
    assert chance_levels(run, notes) == pytest.approx(expected)


@pytest.mark.parametrize(
    'stranger',
    [
        "heads=dict(a=dict(type='os.system', command='touch {file}'))",
        "heads=dict(a=dict(type='SpeedHead', in_channels=16, num_speeds=dict(type='os.system', command='touch {file}')))",
        "heads=dict(a=dict(type='ParsingDistillHead', teacher=[dict(type='os.system', command='touch {file}')]))",
        "heads=dict(a=dict(type='stranger.Head'))",
        "heads=dict(a=dict(type='SpeedHead', _scope_='stranger', in_channels=16, num_speeds=5))",
    ],
)
def test_of_a_strangers_config_nothing_is_built_but_registered_heads_and_samplers(
    tmp_path, make_run, monkeypatch, stranger
):
    (tmp_path / 'stranger.py').write_text(f'open({str(tmp_path / "touched")!r}, "w")\nclass Head: pass\n')
    monkeypatch.syspath_prepend(tmp_path)
    folder = make_run(tmp_path / 'run')
    config = next(folder.glob('*/vis_data/config.py'))
    model = f"dict(type='Pretrainer', {stranger.format(file=tmp_path / 'touched')})"
    for sampler in (
        "type='stranger.Head'",
        "type='SampleSegmentPace', clip_len=16, _scope_='stranger'",
        "type='SampleSegmentPace', clip_len=dict(type='stranger.Head')",
    ):
        loader = f'dict(dataset=dict(pipeline=dict(sample=dict({sampler}))))'
        config.write_text(f'model = {model}\ntrain_dataloader = {loader}\n')
        run = RunFolder('x', folder, Notes())
        assert run.config['model']['heads'] and ceiling_levels(run, run.notes) == {}
        assert set(chance_levels(run, run.notes)) <= {'acc_speed'}
        assert not (tmp_path / 'touched').exists()
