"""All evaluations of two sets, and the report of their numbers."""

import json

import numpy as np
import pytest
from feature_making import features_of
from rich.console import Console

from videossl.evaluation import evaluate_features, protocol_of
from videossl.evaluation.report import flat_metrics, report_json, report_markdown, report_table


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


def test_a_protocol_decides_centering_and_the_average(sets):
    texts = {
        name: [result['protocol'] for result in evaluate_features(*sets, protocol=name).values()]
        for name in ('coclr', 'vcop', 'auxskd')
    }
    assert ['centered' in text for text in texts['coclr']] == [True, True, False]
    assert ['centered' in text for text in texts['auxskd']] == [False] * 3
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


def test_every_number_names_what_was_changed_of_its_protocol(sets):
    changed = protocol_of('auxskd', size=64, resize=72)
    for result in evaluate_features(*sets, protocol=changed, k=3).values():
        assert result['protocol'].startswith('auxskd, changed: size 64, resize 72: 2 clips x 1 crop,')
    text = evaluate_features(*sets, evaluations=['linear_probe'])['linear_probe']['protocol']
    assert 'standardised features' in text and 'features standardise' not in text
