"""SpeedHead, SegmentHead and TupleHead against the cross-entropy written out by hand."""

import numpy as np
import pytest
import torch

from videossl.models import SegmentHead, SpeedHead, TupleHead
from videossl.models.embeddings import Embeddings
from videossl.registry import MODELS

HEADS = [(SpeedHead, 'num_speeds', 'gt_speed', 'speed'), (SegmentHead, 'num_segments', 'gt_segment', 'segment')]
each_head = pytest.mark.parametrize(('head_class', 'classes', 'label', 'name'), HEADS)


def cross_entropy_by_hand(head, embedding, labels) -> float:
    """Mean of -log softmax(W x + b)[label] in float64; labels of -100 are left out."""
    weight, bias = (np.asarray(value.detach(), np.float64) for value in (head.classifier.weight, head.classifier.bias))
    losses = []
    for vector, target in zip(np.asarray(embedding, np.float64).reshape(-1, weight.shape[1]), np.ravel(labels)):
        if target != -100:
            exponentials = np.exp(weight @ vector + bias)
            losses.append(-np.log(exponentials[target] / exponentials.sum()))
    return float(np.mean(losses))


@each_head
def test_the_loss_is_the_mean_cross_entropy_over_all_clips(samples_with, head_class, classes, label, name):
    head = head_class(in_channels=6, **{classes: 5})
    labels = [[0, 4], [2, 2], [3, 1]]
    embedding = 3 * torch.randn(3, 2, 6)
    results = head.loss(Embeddings(embedding), samples_with(**{label: labels}))
    assert set(results) == {f'loss_{name}', f'acc_{name}'}
    assert results[f'loss_{name}'].item() == pytest.approx(cross_entropy_by_hand(head, embedding, labels), rel=1e-5)


@each_head
def test_the_accuracy_is_the_share_of_right_clips(samples_with, head_class, classes, label, name):
    head = head_class(in_channels=4, **{classes: 4})
    with torch.no_grad():
        head.classifier.weight.copy_(torch.eye(4))
        head.classifier.bias.zero_()
    embedding = torch.eye(4).view(2, 2, 4)
    assert head.loss(Embeddings(embedding), samples_with(**{label: [[0, 1], [2, 0]]}))[f'acc_{name}'].item() == 0.75


@each_head
def test_ignored_clips_take_no_part_in_loss_and_accuracy(samples_with, head_class, classes, label, name):
    head = head_class(in_channels=4, **{classes: 4})
    with torch.no_grad():
        head.classifier.weight.copy_(torch.eye(4))
    labels = [[0, -100], [-100, 1]]
    embedding = torch.eye(4).view(2, 2, 4)
    results = head.loss(Embeddings(embedding), samples_with(**{label: labels}))
    assert results[f'loss_{name}'].item() == pytest.approx(cross_entropy_by_hand(head, embedding, labels), rel=1e-5)
    assert results[f'acc_{name}'].item() == 0.5  # clip (0, 0) is right, (1, 1) is wrong, two do not count


@each_head
def test_a_batch_of_ignored_clips_gives_a_loss_of_zero_and_finite_gradients(
    samples_with, head_class, classes, label, name
):
    head = head_class(in_channels=6, **{classes: 3})
    embedding = torch.randn(2, 1, 6, requires_grad=True)
    results = head.loss(Embeddings(embedding), samples_with(**{label: [[-100], [-100]]}))
    assert results[f'loss_{name}'].item() == 0 and results[f'acc_{name}'].item() == 0
    results[f'loss_{name}'].backward()
    for tensor in (embedding, *head.parameters()):
        torch.testing.assert_close(tensor.grad, torch.zeros_like(tensor))


@each_head
def test_another_ignored_label_can_be_chosen(samples_with, head_class, classes, label, name):
    head = head_class(in_channels=6, ignore_index=2, **{classes: 3})
    embedding = torch.randn(2, 1, 6)
    results = head.loss(Embeddings(embedding), samples_with(**{label: [[2], [1]]}))
    assert results[f'loss_{name}'].item() == pytest.approx(
        cross_entropy_by_hand(head, embedding, [[-100], [1]]), rel=1e-5
    )


@each_head
def test_the_gradient_is_softmax_minus_one_hot(samples_with, head_class, classes, label, name):
    head = head_class(in_channels=6, **{classes: 4})
    embedding = torch.randn(2, 2, 6)
    labels = torch.tensor([[3, 0], [1, 1]])
    head.loss(Embeddings(embedding), samples_with(**{label: labels}))[f'loss_{name}'].backward()
    logits = embedding.double().reshape(4, 6) @ head.classifier.weight.double().t() + head.classifier.bias.double()
    difference = (logits.softmax(1) - torch.eye(4, dtype=torch.double)[labels.flatten()]) / 4
    torch.testing.assert_close(head.classifier.bias.grad.double(), difference.sum(0).detach(), atol=1e-6, rtol=1e-5)


@each_head
def test_the_weight_scales_the_loss_and_not_the_accuracy(samples_with, head_class, classes, label, name):
    embedding, samples = torch.randn(3, 1, 6), samples_with(**{label: [[0], [1], [1]]})
    head = head_class(in_channels=6, **{classes: 3})
    plain = head.loss(Embeddings(embedding), samples)
    head.loss_weight = 0.25
    weighted = head.loss(Embeddings(embedding), samples)
    assert weighted[f'loss_{name}'].item() == pytest.approx(plain[f'loss_{name}'].item() / 4)
    assert weighted[f'acc_{name}'] == plain[f'acc_{name}']


@each_head
@pytest.mark.parametrize('samples', ['unlabelled', 'none'])
def test_a_missing_label_is_named_with_the_head_that_reads_it(samples_with, head_class, classes, label, name, samples):
    data_samples = samples_with(gt_other=[[0]]) if samples == 'unlabelled' else None
    with pytest.raises(KeyError, match=f'{head_class.__name__} reads the label "{label}"'):
        head_class(in_channels=6).loss(Embeddings(torch.rand(1, 1, 6)), data_samples)


@each_head
@pytest.mark.parametrize('labels', [[[0, 1], [1, 0]], [0, 1]])
def test_labels_that_do_not_fit_the_clips_are_refused(samples_with, head_class, classes, label, name, labels):
    with pytest.raises(ValueError, match=f'{head_class.__name__}: .* labels "{label}" for \\(2, 1\\) clips'):
        head_class(in_channels=6).loss(Embeddings(torch.rand(2, 1, 6)), samples_with(**{label: labels}))


@each_head
def test_logits_and_loss_are_fp32_inside_autocast(samples_with, head_class, classes, label, name):
    head = head_class(in_channels=6, **{classes: 3})
    embedding, labels = 5 * torch.randn(4, 1, 6), [[0], [1], [2], [1]]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = head(embedding)
        loss = head.loss(Embeddings(embedding), samples_with(**{label: labels}))[f'loss_{name}']
    assert logits.dtype == loss.dtype == torch.float32
    assert loss.item() == pytest.approx(cross_entropy_by_hand(head, embedding, labels), rel=1e-5)


@each_head
def test_a_bf16_embedding_is_accepted(samples_with, head_class, classes, label, name):
    loss = head_class(in_channels=6).loss(
        Embeddings(torch.randn(2, 1, 6).bfloat16()), samples_with(**{label: [[0], [1]]})
    )
    assert loss[f'loss_{name}'].dtype == torch.float32


@each_head
def test_it_has_one_linear_layer_and_four_classes_by_default(head_class, classes, label, name):
    head = MODELS.build(dict(type=head_class.__name__, in_channels=6))
    assert {key: tuple(value.shape) for key, value in head.state_dict().items()} == {
        'classifier.weight': (4, 6),
        'classifier.bias': (4,),
    }
    assert head.embedding_name == 'pooled'
    with pytest.raises(ValueError, match=f'{head_class.__name__}: the number of classes'):
        head_class(in_channels=6, **{classes: 0})


@each_head
def test_initialisation_makes_the_first_guess_nearly_uniform(samples_with, head_class, classes, label, name):
    head = head_class(in_channels=64, **{classes: 4})
    head.init_weights()
    torch.testing.assert_close(head.classifier.bias, torch.zeros(4))
    assert head.classifier.weight.std().item() == pytest.approx(0.01, rel=0.2)
    loss = head.loss(Embeddings(torch.rand(8, 1, 64)), samples_with(**{label: [[i % 4] for i in range(8)]}))[
        f'loss_{name}'
    ]
    assert loss.item() == pytest.approx(np.log(4), abs=0.1)


def test_dropout_is_off_in_evaluation():
    head = SpeedHead(in_channels=6, dropout=0.5)
    embedding = torch.rand(2, 1, 6)
    assert not torch.equal(head(embedding), head(embedding))
    head.eval()
    torch.testing.assert_close(head(embedding), embedding @ head.classifier.weight.t() + head.classifier.bias)


# --------------------------------------------------------------------------------------------------- any label, by name
def test_a_config_names_the_label_of_a_head_that_classifies_clips(samples_with):
    head = MODELS.build(dict(type='ClipClassificationHead', in_channels=4, num_classes=3, label='gt_rate'))
    assert head.labels_read == ('gt_rate',)
    assert set(head.loss(Embeddings(torch.rand(1, 2, 4)), samples_with(gt_rate=[[0, -100]]))) == {
        'loss_rate',
        'acc_rate',
    }


@pytest.fixture
def tuple_head():
    """A head of three clips and five classes."""
    config = dict(type='TupleHead', in_channels=4, tuple_len=3, num_classes=5, label='gt_operation')
    return MODELS.build(config)


@pytest.mark.parametrize(('tuple_len', 'num_classes', 'label'), [(3, 2, 'gt_tuple'), (3, 5, 'gt_operation')])
def test_a_tuples_loss_is_the_cross_entropy_of_its_concatenated_embeddings(samples_with, tuple_len, num_classes, label):
    head = TupleHead(6, tuple_len, num_classes, label)
    assert head.labels_read == (label,)
    embedding, labels = 3 * torch.randn(4, tuple_len, 6), [1, -100, 0, num_classes - 1]
    results = head.loss(Embeddings(embedding), samples_with(**{label: labels}))
    name = label.removeprefix('gt_')
    assert set(results) == {f'loss_{name}', f'acc_{name}'}
    expected = cross_entropy_by_hand(head, embedding.flatten(1), labels)
    assert results[f'loss_{name}'].item() == pytest.approx(expected, rel=1e-5)
    guesses = head(embedding).argmax(1).tolist()
    right = [guess == target for guess, target in zip(guesses, labels) if target != -100]
    assert results[f'acc_{name}'].item() == pytest.approx(sum(right) / 3)


def test_a_tuple_head_without_weights_has_the_loss_of_a_guess_and_none_without_labels(tuple_head, samples_with):
    for parameter in tuple_head.classifier.parameters():
        torch.nn.init.zeros_(parameter)
    embedding = torch.randn(2, 3, 4, requires_grad=True)
    loss = tuple_head.loss(Embeddings(embedding), samples_with(gt_operation=[4, 1]))['loss_operation']
    assert loss.item() == pytest.approx(np.log(5))
    ignored = tuple_head.loss(Embeddings(embedding), samples_with(gt_operation=[-100, -100]))
    assert ignored['loss_operation'].item() == ignored['acc_operation'].item() == 0
    ignored['loss_operation'].backward()
    assert torch.equal(embedding.grad, torch.zeros_like(embedding))


def test_a_tuple_head_tells_the_positions_of_clips_apart(tuple_head):
    embedding = torch.randn(1, 3, 4)
    assert not torch.allclose(tuple_head(embedding), tuple_head(embedding.flip(1)))


def test_without_a_hidden_layer_clips_add_up_and_with_one_they_are_compared(samples_with):
    """Each of two clips says 0 or 1; the class is whether they differ."""
    clips = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])[..., None]
    plain, compares = (TupleHead(1, 2, 2, 'gt_tuple', hidden_channels=width, init_cfg=None) for width in (None, 8))
    first, second, third, fourth = plain(clips)
    torch.testing.assert_close(first + fourth, second + third)
    first, second, third, fourth = compares(clips)
    assert not torch.allclose(first + fourth, second + third)
    assert set(plain.state_dict()) == {'classifier.weight', 'classifier.bias'}
    compares.loss(Embeddings(clips), samples_with(gt_tuple=[0, 1, 1, 0]))['loss_tuple'].backward()
    assert all(parameter.grad is not None for parameter in compares.parameters())


@pytest.mark.parametrize('shape', [(2, 2, 4), (2, 4, 4), (6, 4)])
def test_another_number_of_clips_is_refused(tuple_head, samples_with, shape):
    with pytest.raises(ValueError, match='TupleHead: tuple_len=3 needs'):
        tuple_head.loss(Embeddings(torch.rand(shape)), samples_with(gt_operation=[0] * shape[0]))


def test_a_tuple_head_refuses_labels_for_each_clip(tuple_head, samples_with):
    with pytest.raises(ValueError, match=r'TupleHead: labels "gt_operation" of shape \(2, 3\) for 2 tuples'):
        tuple_head.loss(Embeddings(torch.rand(2, 3, 4)), samples_with(gt_operation=[[0, 1, 2], [2, 1, 0]]))
