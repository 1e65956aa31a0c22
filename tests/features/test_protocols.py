"""The named protocols, their numbers written down a second time, and the report."""

import json

import numpy as np
import pytest
from feature_making import features_of
from rich.console import Console

from videossl.evaluation import PROTOCOLS, evaluate_features, protocol_of
from videossl.evaluation.report import flat_metrics, report_json, report_markdown, report_table
from videossl.features.clip_protocol import ClipProtocol

# clips, frames, interval, pixels, resize, crops, pooling, average, centre
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
        name: (p.num_clips, p.clip_len, p.frame_interval, p.size, p.resize, p.crops, p.pooling, p.average, p.centre)
        for name, p in PROTOCOLS.items()
    }
    assert found == NUMBERS
    assert all(protocol.source and protocol.name == name for name, protocol in PROTOCOLS.items())


@pytest.mark.parametrize('name', NUMBERS)
def test_every_protocol_is_one_that_features_can_be_extracted_with(name):
    made = ClipProtocol(**PROTOCOLS[name].views())
    clips, frames, interval, size, resize, crops, pooling, *_ = NUMBERS[name]
    assert made == ClipProtocol(clips, crops, frames, interval, size, resize, pooling)


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


@pytest.fixture
def sets():
    generator = np.random.default_rng(0)

    def make(size, split, readable=None):
        labels = np.arange(size) % 3
        views = np.eye(3)[labels][:, None] + 0.1 * generator.normal(size=(size, 2, 3))
        return features_of(views, labels, readable, split=split)

    return make(12, 'train.txt'), make(6, 'test.txt', readable=[True] * 5 + [False])


def test_one_extraction_gives_retrieval_knn_and_linear_probe_each_with_its_protocol(sets):
    results = evaluate_features(*sets, protocol='auxskd', ks=(1, 5), k=3)
    assert list(results) == ['retrieval', 'knn', 'linear_probe']
    assert flat_metrics(results) == {
        name: pytest.approx(5 / 6)
        for name in ('retrieval/R@1', 'retrieval/R@5', 'knn/top1', 'knn/top5', 'linear_probe/top1', 'linear_probe/top5')
    }
    for result in results.values():
        assert result['protocol'].startswith('auxskd: 2 clips x 1 crop,')
        assert 'train.txt (12 videos)' in result['protocol'] and 'test.txt (6 videos)' in result['protocol']


def test_a_protocol_decides_centring_and_the_average(sets):
    texts = {
        name: [result['protocol'] for result in evaluate_features(*sets, protocol=name).values()]
        for name in ('coclr', 'vcop', 'auxskd')
    }
    assert ['centred' in text for text in texts['coclr']] == [True, True, False]
    assert ['centred' in text for text in texts['auxskd']] == [False] * 3
    assert 'mean of the logits' in texts['vcop'][2] and 'mean of the softmax' in texts['auxskd'][2]


def test_the_report_has_every_number_its_protocol_and_the_names_of_unreadable_videos(sets):
    results = evaluate_features(*sets, ks=(1,), k=3)
    console = Console(record=True, width=250)
    console.print(report_table(results, title='a title'))
    for text in (console.export_text(), report_markdown(results)):
        assert all(
            word in text for word in ('R@1 83.3 %', 'top-1 83.3 %', 'kNN', 'linear probe', 'train.txt', '5.mp4')
        ), text
    markdown = report_markdown(results).splitlines()
    assert {line.count('|') for line in markdown if line.startswith('|')} == {4}
    assert json.loads(report_json(results)) == results


@pytest.mark.parametrize('evaluations', [[], 'knn', ['knn', 'tsne'], ['knn', 'knn']])
def test_unknown_evaluations_are_refused(sets, evaluations):
    with pytest.raises(ValueError, match='evaluations must name'):
        evaluate_features(*sets, evaluations=evaluations)


def test_the_title_of_a_changed_protocol_says_what_was_changed(sets):
    assert protocol_of('auxskd').title == protocol_of('auxskd', size=112).title == 'auxskd'
    changed = protocol_of('auxskd', size=64, resize=72)
    assert changed.title == 'auxskd, changed: size 64, resize 72'
    assert (
        protocol_of(changed, resize=(98, 73), centre=True).title == 'auxskd, changed: size 64, resize 98x73, centre on'
    )
    for result in evaluate_features(*sets, protocol=changed, k=3).values():
        assert result['protocol'].startswith('auxskd, changed: size 64, resize 72: 2 clips x 1 crop,')
    text = evaluate_features(*sets, evaluations=['linear_probe'])['linear_probe']['protocol']
    assert 'standardised features' in text and 'features standardise' not in text
