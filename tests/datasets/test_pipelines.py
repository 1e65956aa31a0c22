"""Pipelines as named steps: merging, order, steps that are put in and left out."""

import numpy as np
import pytest
from mmengine.config import Config

from videossl.datasets import EachClip
from videossl.datasets.pipelines import build_pipeline, pipeline_steps

STEPS = dict(open=dict(type='A'), sample=dict(type='B', number=1), pack=dict(type='C'))


def kinds(pipeline):
    return [step['type'] for step in pipeline_steps(pipeline)]


def test_named_steps_run_in_the_order_in_which_they_stand_and_a_list_stays_as_it_is():
    assert kinds(STEPS) == kinds(list(STEPS.values())) == ['A', 'B', 'C']
    assert pipeline_steps([print, None, dict(type='A')]) == [print, dict(type='A')]
    assert kinds(dict(STEPS, sample={})) == ['A', 'C']


def test_a_leaf_changes_adds_moves_and_removes_steps_by_name(tmp_path):
    (tmp_path / 'base.py').write_text(f'pipeline = {STEPS}\n')
    (tmp_path / 'leaf.py').write_text(
        "_base_ = 'base.py'\n"
        'pipeline = dict(open=None, sample=dict(number=2), shift=dict(type="D", _after_="sample"),\n'
        '                last=dict(type="E"), second=dict(type="F", _after_="shift"))\n'
    )
    config = Config.fromfile(str(tmp_path / 'leaf.py'))
    steps = pipeline_steps(config.pipeline)
    assert [step['type'] for step in steps] == ['B', 'D', 'F', 'C', 'E'] and steps[0]['number'] == 2
    assert not any('_after_' in step for step in steps)
    config.merge_from_dict({'pipeline.sample.number': 3, 'pipeline.pack': None})
    assert kinds(config.pipeline) == ['B', 'D', 'F', 'E'] and pipeline_steps(config.pipeline)[0].number == 3


def test_the_order_survives_being_written_to_a_checkpoint_and_read_again():
    config = Config(dict(pipeline=dict(STEPS, shift=dict(type='D', _after_='sample'))))
    again = Config.fromstring(config.pretty_text, '.py')
    assert kinds(again.pipeline) == kinds(config.pipeline) == ['A', 'B', 'D', 'C']


def test_a_step_may_stand_behind_one_that_is_left_out_or_that_comes_later():
    assert kinds(dict(STEPS, sample=None, shift=dict(type='D', _after_='sample'))) == ['A', 'D', 'C']
    assert kinds(dict(x=dict(type='X', _after_='y'), y=dict(type='Y', _after_='pack'), **STEPS)) == list('ABCYX')


@pytest.mark.parametrize(
    'pipeline, words',
    [
        (dict(STEPS, shift=dict(type='D', _after_='smple')), 'step "shift".*"smple".*sample'),
        (dict(a=dict(type='D', _after_='b'), b=dict(type='D', _after_='a')), 'step "a".*"b"'),
        (dict(type='EachClip'), 'step "type".*EachClip'),
    ],
)
def test_a_step_that_cannot_be_placed_is_named(pipeline, words):
    with pytest.raises(ValueError, match=words):
        pipeline_steps(pipeline)


def test_named_transforms_are_built_in_our_scope_also_inside_each_clip():
    flip = dict(type='Flip', flip_ratio=1.0)
    named = EachClip(dict(crop=None, flip=flip))
    assert repr(named) == repr(EachClip([flip]))
    (sampler,) = build_pipeline(dict(sample=dict(type='SamplePace', clip_len=4)))
    np.random.seed(0)
    assert sampler(dict(total_frames=9))['frame_inds'].shape == (4,)
