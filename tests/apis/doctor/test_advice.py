"""What holds training back, and what to change, follow from what was measured."""

from dataclasses import replace

import pytest

from videossl.apis.doctor.advice import advise, find_wall, short_side
from videossl.apis.doctor.measurement import Measurement

FOUND = Measurement(
    workers=0,
    full_batch=30,
    batch=30,
    data={0: 10.0, 2: 18.0},
    step=40.0,
    training={0: 8.0, 2: 17.0},
    clip=(1, 3, 16, 112, 112),
    file_size=(240, 320),
)


def test_without_workers_data_and_step_take_turns():
    wall = find_wall(FOUND)
    assert wall.side == 'data' and '80%' in wall.text
    assert find_wall(replace(FOUND, data={0: 160.0})).side == 'step'


def test_with_workers_the_slower_side_is_the_wall():
    assert find_wall(replace(FOUND, workers=2)).side == 'data'
    assert find_wall(replace(FOUND, workers=2, step=17.5)).side == 'step'


def test_workers_that_take_the_cores_from_the_step_are_the_wall():
    wall = find_wall(replace(FOUND, workers=2, training={0: 8.0, 2: 5.0}))
    assert wall.side == 'cores' and '5' in wall.text


def test_the_number_of_workers_that_trained_fastest_is_advised_with_the_factor_that_was_measured():
    first = advise(FOUND, 'cpu')[0]
    assert 'num_workers=2 instead of 0' in first.text and first.gain == pytest.approx(17 / 8)
    fewer = advise(replace(FOUND, workers=2, training={0: 8.0, 2: 5.0}), 'cpu')[0]
    assert 'num_workers=0 instead of 2' in fewer.text and fewer.gain == pytest.approx(8 / 5)
    assert not any('num_workers' in advice.text for advice in advise(replace(FOUND, training={0: 8.0, 2: 8.5}), 'cpu'))


def test_re_encoding_is_advised_where_the_data_is_the_wall_and_the_files_are_large():
    texts = [advice.text for advice in advise(replace(FOUND, training={0: 8.0}), 'cpu')]
    assert len(texts) == 1 and '--short-side 128' in texts[0] and '240' in texts[0] and '5 times' in texts[0]
    assert not advise(replace(FOUND, training={0: 8.0}, file_size=(128, 171)), 'cpu')
    assert not advise(replace(FOUND, training={0: 8.0}, file_size=None), 'cpu')
    assert short_side(112) == 128 and short_side(64) == 80


def test_small_clips_are_advised_on_cpus_only_and_where_the_step_is_the_wall():
    slow = replace(FOUND, data={0: 300.0}, training={0: 30.0})
    (advice,) = advise(slow, 'cpu')
    assert 'configs/laptop' in advice.text and '3.06 times' in advice.text and advice.gain is None
    assert not advise(slow, 'cuda') and not advise(replace(slow, clip=(1, 3, 16, 64, 64)), 'cpu')
