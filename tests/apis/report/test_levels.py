"""What guessing gives, as a page shows it."""

from types import SimpleNamespace

import pytest

from videossl.apis.report.levels import chance_levels
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
