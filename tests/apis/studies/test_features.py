"""What a study's evaluation of features reads and measures; with made-up features in the place of a net's."""

import json
from pathlib import Path

import numpy as np
import pytest
from feature_making import features_of

from videossl.apis.studies import features as module
from videossl.apis.studies.features import evaluate
from videossl.evaluation import evaluate_features, protocol_of
from videossl.features.parts import OtherFeatures

LABELS = [0, 1, 2] * 4


@pytest.fixture
def evaluated(tmp_path, monkeypatch):
    """A function that evaluates made-up features; returns the results and what was evaluated: the videos and which
    evaluations."""
    draws = np.random.RandomState(5)
    features = {split: features_of(draws.randn(12, 2, 4) + np.array(LABELS)[:, None, None], LABELS) for split in 'ab'}
    calls = []

    def extract(model, videos, data_root, *, out, **settings):
        assert (model, data_root, settings['size']) == ('net of net.pth', 'videos', 56)
        assert out == {'a': f'{tmp_path}/features_train.npz', 'b': f'{tmp_path}/features_test.npz'}[videos]
        return features[videos]

    def measure(train, test, *settings):
        assert test is features['b']
        calls.append((train.paths, train.labels.tolist(), train.features[:, 0, 0].tolist(), *settings[1:]))
        return evaluate_features(train, test, *settings)

    monkeypatch.setattr(module, 'load_backbone', lambda checkpoint, device: f'net of {checkpoint}')
    monkeypatch.setattr(module, 'extract_features', extract)
    monkeypatch.setattr(module, 'evaluate_features', measure)

    def evaluated(counts, seed):
        calls.clear()
        job = dict(checkpoint='net.pth', data_root='videos', train='a', test='b', protocol='auxskd', counts=counts)
        job |= dict(views=dict(size=56), seed=seed, features=f'{tmp_path}/features')
        return evaluate(job), list(calls), features

    return evaluated


def test_all_videos_are_evaluated_in_every_way_and_few_labels_by_the_probe(evaluated):
    results, calls, features = evaluated([1, 2], 3)
    assert list(results) == ['all', '1', '2']
    assert results['all'] == evaluate_features(features['a'], features['b'], protocol_of('auxskd', size=56))
    assert calls[0][0] == features['a'].paths and len(calls[0]) == 3
    assert [call[3] for call in calls[1:]] == [['linear_probe'], ['linear_probe']]
    assert set(results['1']) == set(results['2']) == {'linear_probe'}


@pytest.mark.parametrize('seed', [3, 4])
def test_few_labels_are_the_first_of_each_class_in_an_order_that_the_seed_draws(evaluated, seed):
    _, calls, features = evaluated([2, 1], seed)
    draws = np.random.RandomState(seed)
    orders = [draws.permutation([place for place in range(12) if LABELS[place] == label]) for label in (0, 1, 2)]
    for count, call in zip((1, 2), calls[1:], strict=True):
        places = sorted(place for order in orders for place in order[:count])
        assert call[0] == [f'{place}.mp4' for place in places]
        assert call[1] == [LABELS[place] for place in places]
        assert call[2] == features['a'].features[places, 0, 0].tolist()


def test_without_counts_no_labels_are_left_out(evaluated):
    results, calls, _ = evaluated([], 0)
    assert list(results) == ['all'] and len(calls) == 1


def test_features_of_a_changed_protocol_are_replaced_and_those_of_the_same_one_are_not(tmp_path, monkeypatch):
    out, part = tmp_path / 'features_train.npz', tmp_path / 'features_train.npz.part'
    extracted = []

    def extract_features(videos, *, out, size):
        if Path(out).exists() and Path(out).read_text() == str(size):
            return 'found'
        if Path(out).exists() or part.exists():
            raise OtherFeatures('with other features. Choose another file (--out)')
        extracted.append(size)
        Path(out).write_text(str(size))
        return 'extracted'

    monkeypatch.setattr(module, 'extract_features', extract_features)
    assert module.extract('a', out=str(out), size=56) == 'extracted'
    assert module.extract('a', out=str(out), size=56) == 'found'
    part.mkdir()  # what was cut off
    assert module.extract('a', out=str(out), size=64) == 'extracted'
    assert extracted == [56, 64] and not part.exists()


def test_the_process_of_an_evaluation_ends_with_its_study_and_writes_what_it_found(tmp_path, monkeypatch):
    parents = []
    monkeypatch.setattr(module, 'end_with_parent', lambda parent: parents.append(parent))
    monkeypatch.setattr(module, 'keep_freed_memory', lambda: None)
    monkeypatch.setattr(module, 'evaluate', lambda job: dict(all=len(parents)))
    job = dict(out=str(tmp_path / 'features.json'), fingerprint='0123')
    (tmp_path / 'job.json').write_text(json.dumps(dict(job, parent=4711)))
    module.main(str(tmp_path / 'job.json'))
    written = json.loads((tmp_path / 'features.json').read_text())
    assert parents == [4711] and written['results'] == dict(all=1), 'before the work begins'
    assert written['job'] == job and written['seconds'] >= 0
