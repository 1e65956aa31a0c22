"""The settings of a protocol: named, read from configs, changed by arguments, or refused."""

import json

import numpy as np
import pytest
from mmengine.config import Config

from videossl.errors import ConfigError
from videossl.features.protocols import PROTOCOLS, Protocol, protocol_of

# clips, frames, interval, pixels, resize, crops, pooling, average, center
NUMBERS = dict(
    auxskd=(10, 16, 1, 112, (171, 128), 1, 'avg', 'prob', False),
    vcop=(10, 16, 1, 112, (171, 128), 1, 'max_1x2x2', 'score', False),
    rspnet=(10, 16, 1, 112, 112, 1, 'avg', 'score', False),
    ctp=(10, 16, 2, 112, (171, 128), 1, 'avg', 'score', False),
    videomoco=(10, 32, 1, 224, 224, 1, 'avg', 'score', False),
    coclr=(10, 32, 1, 128, 146, 1, 'avg', 'prob', True),
    severe=(10, 32, 2, 112, (171, 128), 1, 'avg', 'prob', False),
)


def test_the_protocols_have_the_numbers_of_their_papers():
    found = {
        name: (p.num_clips, p.clip_len, p.frame_interval, p.size, p.resize, p.crops, p.pooling, p.average, p.center)
        for name, p in PROTOCOLS.items()
    }
    assert found == NUMBERS
    assert all(protocol.source and protocol.name == name for name, protocol in PROTOCOLS.items())


@pytest.mark.parametrize('name', NUMBERS)
def test_every_protocol_is_one_that_features_can_be_extracted_with(name):
    made = Protocol.like(None, **PROTOCOLS[name].views())
    clips, frames, interval, size, resize, crops, pooling, *_ = NUMBERS[name]
    assert made == Protocol(clips, crops, frames, interval, size, resize, pooling)


def test_a_protocol_can_be_changed_and_stays_as_it_was():
    large = protocol_of('rspnet', size=224, resize=224)
    assert (large.size, large.resize, large.average) == (224, 224, 'score')
    assert PROTOCOLS['rspnet'].size == 112


@pytest.mark.parametrize(
    'name, changes, words',
    [
        ('vsp', {}, ['"vsp"', 'auxskd', 'vcop']),
        ('vcop', dict(clips=3), ['no setting clips', 'num_clips']),
        ('vcop', dict(crops=2), ['vcop', 'crops', '2']),
        ('vcop', dict(pooling='sum'), ['pooling', 'sum']),
        ('vcop', dict(average='mean'), ['average', 'mean']),
        ('vcop', dict(num_clips=0), ['num_clips', '0']),
    ],
)
def test_an_unknown_protocol_or_setting_is_refused_with_what_there_is(name, changes, words):
    with pytest.raises(ValueError) as error:
        protocol_of(name, **changes)
    assert all(word in str(error.value) for word in words), error.value


# A test pipeline as mmaction2's own configs have it.
STOCK = Config(
    dict(
        test_pipeline=[
            dict(type='DecordInit'),
            dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=4, test_mode=True),
            dict(type='DecordDecode'),
            dict(type='Resize', scale=(-1, 256)),
            dict(type='ThreeCrop', crop_size=256),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs'),
        ]
    )
)


def test_arguments_win_over_the_config():
    protocol = Protocol.like(STOCK, num_clips=1, crops=1, clip_len=8, frame_interval=3, resize=300, pooling='max')
    assert protocol == Protocol(1, 1, 8, 3, 256, 300, 'max')


def test_another_size_changes_the_resize_before_it_in_proportion():
    assert Protocol.like(STOCK, size=56, crops=1).resize == 64
    assert Protocol.like(STOCK, size=56).resize == 56, 'three crops need the short side itself'
    assert Protocol.like(Config(dict()), crops=3) == Protocol(10, 3, 16, 1, 112, 112)


def test_without_a_config_it_is_ten_clips_of_sixteen_frames():
    assert Protocol.like(None) == Protocol(10, 1, 16, 1, 112, 128, 'avg')


@pytest.mark.parametrize(('written', 'meant'), [((-1, 120), 120), ([200, 150], (200, 150)), (120, 120)])
def test_a_short_side_may_be_written_in_both_ways(written, meant):
    assert Protocol.like(None, resize=written).resize == meant


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (dict(num_clips=0), 'num_clips must be an integer of at least 1'),
        (dict(clip_len=2.5), 'clip_len must be'),
        (dict(frame_interval=True), 'frame_interval must be'),
        (dict(size=0), 'size must be'),
        (dict(crops=2), 'crops must be one of'),
        (dict(pooling='mean'), 'pooling must be one of'),
        (dict(resize=100), 'cannot be cropped from frames resized to 100'),
        (dict(resize=(171, 100)), 'cannot be cropped'),
        (dict(resize=(1, 2, 3)), 'short side or'),
        (dict(resize=128, crops=3), 'three crops are taken along the long side'),
        (dict(colour=3), 'no setting colour'),
        (dict(clips=3), 'no setting clips'),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(given, message):
    with pytest.raises(ConfigError, match=message):
        Protocol.like(None, **given)


def test_the_title_of_a_changed_protocol_says_what_was_changed():
    assert protocol_of('auxskd').title == protocol_of('auxskd', size=112).title == 'auxskd'
    changed = protocol_of('auxskd', size=64, resize=72)
    assert changed.title == 'auxskd, changed: size 64, resize 72'
    assert (
        protocol_of(changed, resize=(98, 73), center=True).title == 'auxskd, changed: size 64, resize 98x73, center on'
    )


def test_integers_of_numpy_become_plain_ones():
    views = Protocol(num_clips=np.int64(2), size=np.int32(64)).views()
    assert json.loads(json.dumps(views)) == views and views['num_clips'] == 2
