"""The ranking of transformations against loops over pairs of clips, and what cancels in it."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import RankingHead
from videossl.models.embeddings import Embeddings
from videossl.models.heads import transformation_ranking
from videossl.registry import MODELS


def by_hand(scores, labels, margin):
    """Loss and accuracy: each clip against each other clip of its video, in the score of its own transformation."""
    costs, wins = [], []
    for video, own_labels in zip(scores.tolist(), labels.tolist()):
        for clip, label in enumerate(own_labels):
            others = [other for other, another in enumerate(own_labels) if another != label]
            costs += [max(0, margin - (video[clip][label] - video[other][label])) for other in others]
            wins += [all(video[clip][label] > video[other][label] for other in others)] if others else []
    return np.mean(costs), np.mean(wins)


def identity_head(num_classes=3, **kwargs):
    """A head whose scores are the embeddings."""
    head = RankingHead(num_classes, num_classes, **kwargs)
    head.classifier.weight.data = torch.eye(num_classes)
    return head


def in_order(videos, clips):
    return torch.arange(clips).repeat(videos, 1)


@pytest.mark.parametrize('margin', [0.2, 0.5, 3.0])
@pytest.mark.parametrize('labels', [[[0, 1, 2], [2, 0, 1]], [[0, 0, 1, 2], [1, 1, 2, 1]]])
def test_loss_and_accuracy_are_those_of_all_pairs_of_a_video(samples_with, margin, labels):
    scores = torch.randn(2, len(labels[0]), 3)
    results = identity_head(margin=margin).loss(Embeddings(scores), samples_with(gt_transformation=labels))
    loss, accuracy = by_hand(scores, torch.tensor(labels), margin)
    assert set(results) == {'loss_ranking', 'acc_ranking'}
    assert results['loss_ranking'].item() == pytest.approx(loss, rel=1e-5)
    assert results['acc_ranking'].item() == pytest.approx(accuracy)


@pytest.mark.parametrize('clips', [2, 3, 5])
def test_equal_scores_cost_the_margin_in_each_of_n_times_n_minus_1_pairs(clips):
    scores = torch.zeros(1, clips, clips, requires_grad=True)
    loss = transformation_ranking(scores, in_order(1, clips), 0.7)
    loss.backward()
    assert loss.item() == pytest.approx(0.7)
    # Each pair lowers one score and raises another by one over the number of pairs.
    off_diagonal = scores.grad[0][~torch.eye(clips, dtype=torch.bool)]
    torch.testing.assert_close(off_diagonal, torch.full_like(off_diagonal, 1 / (clips * (clips - 1))))
    torch.testing.assert_close(scores.grad[0].diagonal(), torch.full((clips,), -1 / clips))


def test_what_a_video_adds_to_a_score_changes_nothing_but_changes_cross_entropy():
    scores, labels = torch.randn(4, 3, 3), in_order(4, 3)
    shifted = scores + 5 * torch.randn(4, 1, 3)
    ranking = [transformation_ranking(each, labels, 0.5).item() for each in (scores, shifted)]
    assert ranking[0] == pytest.approx(ranking[1], abs=1e-5)
    entropies = [F.cross_entropy(each.flatten(0, 1), labels.flatten()).item() for each in (scores, shifted)]
    assert abs(entropies[0] - entropies[1]) > 0.1


def test_margins_that_are_met_cost_nothing_and_only_violating_pairs_have_a_gradient():
    scores = torch.eye(3)[None].requires_grad_()
    assert transformation_ranking(scores, in_order(1, 3), 0.9).item() == 0
    violated = torch.eye(3)[None].clone()
    violated[0, 2, 0] = 0.8  # of the third clip for the transformation of the first
    violated.requires_grad_()
    loss = transformation_ranking(violated, in_order(1, 3), 0.9)
    loss.backward()
    expected = torch.zeros(1, 3, 3)
    expected[0, 0, 0], expected[0, 2, 0] = -1 / 6, 1 / 6
    assert loss.item() == pytest.approx((0.9 - 0.2) / 6)
    torch.testing.assert_close(violated.grad, expected)


def test_the_order_of_clips_and_of_transformations_does_not_matter():
    scores, labels = torch.randn(2, 4, 4), in_order(2, 4)
    expected = transformation_ranking(scores, labels, 0.5)
    for order in itertools.permutations(range(4)):
        order = torch.tensor(order)
        assert transformation_ranking(scores[:, order], labels[:, order], 0.5) == pytest.approx(expected)
        both = scores[:, order][:, :, order]
        assert transformation_ranking(both, labels, 0.5) == pytest.approx(expected)


def test_two_clips_are_torchs_margin_ranking_loss():
    scores = torch.randn(6, 2, 2)
    own, other = scores.diagonal(dim1=1, dim2=2), scores.flip(1).diagonal(dim1=1, dim2=2)
    expected = F.margin_ranking_loss(own, other, torch.ones(6, 2), margin=0.5)
    assert transformation_ranking(scores, in_order(6, 2), 0.5).item() == pytest.approx(expected.item())


def test_clips_without_a_label_or_another_clip_to_compare_with_take_no_part(samples_with):
    scores = torch.randn(2, 3, 3)
    results = identity_head().loss(Embeddings(scores), samples_with(gt_transformation=[[0, -100, 1], [2, 2, 2]]))
    loss, accuracy = by_hand(scores[:1, [0, 2]], torch.tensor([[0, 1]]), 0.5)
    assert results['loss_ranking'].item() == pytest.approx(loss, rel=1e-5)
    assert results['acc_ranking'].item() == pytest.approx(accuracy)
    alone = identity_head().loss(Embeddings(scores[1:]), samples_with(gt_transformation=[[2, 2, 2]]))
    assert alone['loss_ranking'].item() == alone['acc_ranking'].item() == 0


def test_equal_scores_are_no_win(samples_with):
    results = identity_head().loss(Embeddings(torch.zeros(1, 3, 3)), samples_with(gt_transformation=[[0, 1, 2]]))
    assert results['acc_ranking'].item() == 0


def test_a_config_builds_it_with_a_hidden_layer_and_scores_without_a_bias(samples_with):
    head = MODELS.build(dict(type='RankingHead', in_channels=4, num_classes=3, hidden_channels=5, loss_weight=2.0))
    head.init_weights()
    shapes = {name: tuple(parameter.shape) for name, parameter in head.named_parameters()}
    assert shapes == {'hidden.0.weight': (5, 4), 'hidden.0.bias': (5,), 'classifier.weight': (3, 5)}
    assert head.labels_read == ('gt_transformation',) and head.margin == 0.5
    embedding = torch.randn(2, 3, 4)
    scores = F.relu(embedding @ head.hidden[0].weight.t() + head.hidden[0].bias) @ head.classifier.weight.t()
    labels = torch.tensor([[0, 1, 2]] * 2)
    loss = head.loss(Embeddings(embedding), samples_with(gt_transformation=labels))['loss_ranking']
    assert loss.item() == pytest.approx(2 * by_hand(scores, labels, 0.5)[0], rel=1e-5)


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (dict(num_classes=1), 'RankingHead: num_classes'),
        (dict(margin=0), 'RankingHead: margin'),
        (dict(margin=float('inf')), 'RankingHead: margin must be positive, got inf'),
        (dict(loss_weight=float('nan')), 'RankingHead: loss_weight must be a finite number, got nan'),
        (dict(hidden_channels=0), 'RankingHead: hidden_channels'),
    ],
)
def test_a_senseless_argument_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        RankingHead(4, **arguments)


def test_one_clip_of_a_video_is_refused(samples_with):
    with pytest.raises(ConfigError, match=r'needs two or more, got 1; .*num_views'):
        RankingHead(4).loss(Embeddings(torch.rand(2, 1, 4)), samples_with(gt_transformation=[[0], [1]]))
