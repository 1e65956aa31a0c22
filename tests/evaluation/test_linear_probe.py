"""The linear probe on features whose classes can, or cannot, be separated."""

import numpy as np
import pytest
import torch
from feature_making import features_of

from videossl.evaluation import linear_probe
from videossl.evaluation.linear_probe import PROBES, LinearProbe, probe_of, video_scores

PRESETS = [('logistic', {}), ('coclr', dict(epochs=30, milestones=(20,), batch_size=16))]


def clusters(seed, labels, spread=0.1, views=3, classes=4):
    """Videos around one corner of a cube for each class, far from the origin and long, so that normalisation matters."""
    generator = np.random.default_rng(seed)
    corners = np.random.default_rng(99).normal(size=(classes, 6))
    features = 20 + corners[np.unique(labels, return_inverse=True)[1]][:, None]
    features = features + spread * generator.normal(size=(len(labels), views, 6))
    return features_of(features, labels)


@pytest.mark.parametrize('train_on', ['views', 'mean'])
@pytest.mark.parametrize('average', ['prob', 'score', 'features'])
@pytest.mark.parametrize('preset, changes', PRESETS)
def test_separable_classes_are_all_right_whatever_their_numbers(preset, changes, average, train_on):
    labels = np.array([3, 70, 11, 5] * 12)
    result = linear_probe(clusters(0, labels), clusters(1, labels[:20]), preset, average, train_on, **changes)
    assert (result['top1'], result['top5']) == (1.0, 1.0)
    assert dict(prob='softmax', score='logits', features='features')[average] in result['protocol']
    assert ('all views' in result['protocol']) == (train_on == 'views')


@pytest.mark.parametrize('preset, changes', PRESETS)
def test_labels_that_have_nothing_to_do_with_the_features_are_guessed(preset, changes):
    generator = np.random.default_rng(3)
    train = features_of(generator.normal(size=(200, 1, 6)), generator.integers(0, 4, 200))
    test = features_of(generator.normal(size=(400, 1, 6)), generator.integers(0, 4, 400))
    assert linear_probe(train, test, preset, **changes)['top1'] == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize('preset, changes', PRESETS)
def test_a_ring_around_its_centre_is_not_linearly_separable(preset, changes):
    angles = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    points = np.concatenate([0.1 * ring[::2], 5 * ring[::2]]) + [0, 0]
    features = features_of(points, [0] * 40 + [1] * 40)
    changes = {**changes, 'normalise': 'standardise'}  # by length alone the two could not be told apart anyway
    assert linear_probe(features, features, preset, **changes)['top1'] < 0.8


def test_the_mean_of_softmax_and_of_logits_are_what_they_say():
    logits = np.array([[[10.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]])
    assert video_scores(logits, 'score') == pytest.approx(np.array([[8 / 3, 0]]))
    sure, unsure = 1 / (1 + np.exp(-10)), 1 / (1 + np.exp(1))
    prob = video_scores(logits, 'prob')
    assert prob == pytest.approx(np.array([[(sure + 2 * unsure) / 3, 1 - (sure + 2 * unsure) / 3]]))


def test_one_very_sure_view_outvotes_two_with_the_logits_and_not_with_the_softmax():
    labels = [0, 1] * 20
    train = features_of(
        [[-1.0 + 0.01 * number, 0] if label == 0 else [1.0 - 0.01 * number, 0] for number, label in enumerate(labels)],
        labels,
    )
    test = features_of([[[-50.0, 0], [2.0, 0], [2.0, 0]]], [0])
    settings = dict(preset='logistic', normalise='none')
    assert linear_probe(train, test, average='score', **settings)['top1'] == 1
    assert linear_probe(train, test, average='prob', **settings)['top1'] == 0


def test_two_classes_are_scored_as_their_probabilities_are():
    from sklearn.linear_model import LogisticRegression

    generator = np.random.default_rng(0)
    points, labels = generator.normal(size=(60, 3)), generator.integers(0, 2, 60)
    from videossl.evaluation.linear_probe import fit_logistic

    logits = fit_logistic(points, labels, LinearProbe(normalise='none'), [])(points)
    expected = LogisticRegression().fit(points, labels).predict_proba(points)
    assert video_scores(logits[:, None], 'prob') == pytest.approx(expected, abs=1e-6)


def test_the_coclr_probe_is_the_same_again_and_touches_no_random_state():
    labels = np.array([0, 1, 2, 3] * 6)
    train, test = clusters(0, labels, spread=3), clusters(1, labels, spread=3)
    from videossl.evaluation.linear_probe import fit_sgd

    probe = LinearProbe(solver='sgd', normalise='l2+bn', epochs=3, batch_size=10)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    logits = [
        fit_sgd(train.features[:, 0], labels, settings, [])(test.features[:, 0])
        for settings in (probe, probe, probe_of(probe, dict(seed=1)))
    ]
    assert np.array_equal(logits[0], logits[1]) and not np.array_equal(logits[0], logits[2])
    linear_probe(train, test, 'logistic')
    assert torch.equal(states[0], torch.get_rng_state()) and np.array_equal(states[1], np.random.get_state()[1])


def test_one_step_of_sgd_equals_the_gradient_by_hand():
    # Zero weights but for std 0.01, one batch: the logits move by lr times the centred one-hot labels.
    points, labels = np.array([[1.0, 0], [0, 1]], dtype=np.float32), np.array([0, 1])
    from videossl.evaluation.linear_probe import fit_sgd

    probe = LinearProbe(solver='sgd', normalise='none', epochs=1, milestones=(), lr=2.0, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    weight = torch.empty(2, 2).normal_(0, 0.01, generator=generator)
    logits = torch.from_numpy(points) @ weight.T
    error = logits.softmax(dim=1) - torch.eye(2)
    weight, bias = weight - 2.0 * error.T @ torch.from_numpy(points) / 2, -2.0 * error.mean(dim=0)
    expected = torch.from_numpy(points) @ weight.T + bias
    assert fit_sgd(points, labels, probe, [])(points) == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_last_batch_of_one_sample_does_not_stop_the_batch_norm():
    labels = np.array([0, 1, 0])
    result = linear_probe(clusters(0, labels, views=1), clusters(1, labels, views=1), 'coclr', epochs=2, batch_size=2)
    assert 0 <= result['top1'] <= 1


def test_unreadable_videos_count_as_wrong_and_are_not_trained_on():
    labels = np.array([0, 1, 2, 3] * 6)
    train, test = clusters(0, labels), clusters(1, labels)
    train.features[:8] = 0
    train.readable[:8] = False
    test.features[:6] = 0
    test.readable[:6] = False
    result = linear_probe(train, test)
    assert (result['top1'], result['top5']) == (18 / 24, 18 / 24)
    assert any('train: 8 of 24' in note and 'left out' in note for note in result['notes'])
    assert any('test: 6 of 24' in note and 'wrong' in note for note in result['notes'])


def test_test_classes_that_were_not_trained_on_are_named_and_wrong():
    labels = np.array([0, 1, 2, 3] * 6)
    result = linear_probe(clusters(0, labels % 2, classes=2), clusters(1, labels))
    assert result['top5'] == 0.5
    assert any('classes 2, 3' in note and '12 of 24' in note for note in result['notes'])


def test_presets_have_the_numbers_of_their_papers():
    coclr = PROBES['coclr']
    assert (coclr.lr, coclr.weight_decay, coclr.batch_size, coclr.epochs) == (1.0, 1e-3, 1024, 100)
    assert (coclr.milestones, coclr.momentum, coclr.normalise, coclr.solver) == ((60, 80), 0.9, 'l2+bn', 'sgd')
    assert PROBES['logistic'].solver == 'logistic' and PROBES['logistic'].normalise == 'standardise'


def test_a_probe_that_was_cut_short_says_so():
    labels = np.array([0, 1, 2, 3] * 6)
    result = linear_probe(clusters(0, labels), clusters(1, labels), max_iterations=1)
    assert any('did not converge in 1 iterations' in note for note in result['notes'])


@pytest.mark.parametrize(
    'arguments, words',
    [
        (dict(preset='rspnet'), ['no linear probe "rspnet"', 'coclr']),
        (dict(average='mean'), ['average must', 'prob']),
        (dict(train_on='clips'), ['train_on must', 'views']),
        (dict(normalise='l1'), ['normalise must', 'l2+bn']),
        (dict(epoch=3), ['no setting epoch', 'epochs']),
        (dict(lr=0), ['lr must be positive']),
        (dict(epochs=2.5), ['epochs must be an integer', '2.5']),
        (dict(batch_size=16.0), ['batch_size must be an integer']),
        (dict(max_iterations=0), ['max_iterations must be an integer of at least 1']),
        (dict(seed=-1), ['seed must be an integer of at least 0']),
        (dict(milestones=(0.6,)), ['each of milestones must be an integer']),
    ],
)
def test_unusable_arguments_are_refused_by_name(arguments, words):
    good = features_of(np.eye(3), [0, 1, 2])
    with pytest.raises(ValueError) as error:
        linear_probe(good, good, **arguments)
    assert all(word in str(error.value) for word in words), error.value


def test_a_train_split_of_one_class_is_refused():
    with pytest.raises(ValueError, match='all videos have the label 7'):
        linear_probe(features_of(np.eye(3), [7, 7, 7]), features_of(np.eye(3), [7, 7, 7]))
