"""OrderHead: which pairs it compares, in which order, and its cross-entropy written out by hand."""

import itertools
import math

import numpy as np
import pytest
import torch

from videossl.models import OrderHead, Pretrainer
from videossl.models.embeddings import Embeddings
from videossl.registry import MODELS


def reference_logits(head, embedding) -> np.ndarray:
    """[B, n!] in float64, written with loops over samples and pairs; without dropout."""
    relation, classifier = (
        (np.asarray(layer.weight.detach(), np.float64), np.asarray(layer.bias.detach(), np.float64))
        for layer in (head.relation, head.classifier)
    )
    rows = []
    for clips in np.asarray(embedding.detach().float(), np.float64):
        relations = []
        for first in range(len(clips)):
            for second in range(first + 1, len(clips)):
                pair = np.concatenate([clips[first], clips[second]])
                relations.append(np.maximum(relation[0] @ pair + relation[1], 0))
        rows.append(classifier[0] @ np.concatenate(relations) + classifier[1])
    return np.stack(rows)


def reference_loss(head, embedding, labels) -> float:
    losses = [
        -np.log(np.exp(row[label]) / np.exp(row).sum())
        for row, label in zip(reference_logits(head, embedding), labels)
        if label != -100
    ]
    return float(np.mean(losses))


@pytest.fixture
def head():
    """A small head of three clips without dropout."""
    return OrderHead(in_channels=5, hidden_channels=7, dropout=0)


@pytest.fixture
def labelled(samples_with):
    """A function from orders to data samples."""
    return lambda labels: samples_with(gt_order=[torch.tensor(label) for label in labels])


@pytest.fixture
def identity_head():
    """A function to a head whose logits are its pairs: with 2 (n - 2)! relations a pair there are as many numbers in
    all pairs as orders, so that both layers can be the identity."""

    def build(tuple_len, **kwargs):
        size = 2 * math.factorial(tuple_len - 2)
        head = OrderHead(in_channels=size // 2, tuple_len=tuple_len, hidden_channels=size, **kwargs)
        with torch.no_grad():
            for layer in (head.relation, head.classifier):
                layer.weight.copy_(torch.eye(len(layer.weight)))
                layer.bias.zero_()
        return head

    return build


# --------------------------------------------------------------------------------------------------------------- wiring
@pytest.mark.parametrize('tuple_len', [2, 3, 4, 5])
def test_pairs_are_compared_in_lexicographic_order_earlier_position_first(identity_head, tuple_len):
    head = identity_head(tuple_len).eval()
    embedding = torch.rand(3, tuple_len, head.relation.in_features // 2)
    pairs = [(i, j) for i, j in itertools.product(range(tuple_len), repeat=2) if i < j]
    expected = torch.stack([torch.cat([torch.cat([clips[i], clips[j]]) for i, j in pairs]) for clips in embedding])
    torch.testing.assert_close(head(embedding), expected)


def test_three_clips_give_the_pairs_01_02_12(identity_head):
    logits = identity_head(3).eval()(torch.tensor([[[1.0], [2.0], [3.0]]]))
    assert logits.tolist() == [[1, 2, 1, 3, 2, 3]]


def test_a_relation_below_zero_is_cut_off_before_the_second_layer(identity_head):
    logits = identity_head(3).eval()(torch.tensor([[[-1.0], [2.0], [-3.0]]]))
    assert logits.tolist() == [[0, 2, 0, 0, 2, 0]]


def test_one_layer_serves_all_pairs(head):
    assert {name: tuple(value.shape) for name, value in head.state_dict().items()} == {
        'relation.weight': (7, 10),
        'relation.bias': (7,),
        'classifier.weight': (6, 21),
        'classifier.bias': (6,),
    }
    embedding = torch.rand(1, 1, 5).expand(1, 3, 5)  # three times the same clip: three times the same relation
    seen = []
    head.classifier.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    head(embedding)
    relations = seen[0].view(3, 7)
    torch.testing.assert_close(relations, relations[:1].expand(3, 7))


@pytest.mark.parametrize('tuple_len', [2, 3, 4])
def test_logits_agree_with_loops_over_samples_and_pairs(tuple_len):
    head = OrderHead(in_channels=5, tuple_len=tuple_len, hidden_channels=7).eval()
    embedding = torch.randn(4, tuple_len, 5)
    np.testing.assert_allclose(
        head(embedding).detach().numpy(), reference_logits(head, embedding), rtol=1e-4, atol=1e-6
    )


def test_defaults_are_the_released_codes():
    head = MODELS.build(dict(type='OrderHead'))
    assert (head.relation.in_features, head.relation.out_features) == (1024, 512)
    assert (head.classifier.in_features, head.classifier.out_features) == (1536, 6)
    assert head.dropout.p == 0.5 and head.embedding_name == 'pooled' and head.loss_weight == 1


def test_initialisation_is_pytorchs():
    torch.manual_seed(3)
    layers = torch.nn.Linear(10, 7), torch.nn.Linear(21, 6)
    torch.manual_seed(3)
    head = OrderHead(in_channels=5, hidden_channels=7)
    head.init_weights()
    for layer, plain in zip((head.relation, head.classifier), layers):
        assert torch.equal(layer.weight, plain.weight) and torch.equal(layer.bias, plain.bias)


def test_dropout_acts_on_relations_in_training_alone(identity_head):
    head = identity_head(3, dropout=0.5)
    embedding = torch.tensor([[[1.0], [2.0], [3.0]]]).repeat(400, 1, 1)
    logits = head.train()(embedding)
    expected = torch.tensor([1.0, 2.0, 1.0, 3.0, 2.0, 3.0]).expand(400, 6)
    kept = logits != 0
    torch.testing.assert_close(logits[kept], 2 * expected[kept])
    # Each relation has a draw of its own: both 1s, which are one clip in two pairs, need not go together.
    assert abs(kept.float().mean().item() - 0.5) < 0.05 and (kept[:, 0] != kept[:, 2]).any()
    torch.testing.assert_close(head.eval()(embedding), expected)


# ------------------------------------------------------------------------------------------------------ loss, accuracy
def test_the_loss_is_the_mean_of_minus_log_softmax(head, labelled):
    embedding, labels = 4 * torch.randn(6, 3, 5), [0, 1, 2, 3, 4, 5]
    results = head.loss(Embeddings(embedding), labelled(labels))
    assert set(results) == {'loss_order', 'acc_order'}
    assert results['loss_order'].item() == pytest.approx(reference_loss(head, embedding, labels), rel=1e-5)


def test_the_accuracy_is_the_share_of_right_tuples(identity_head, labelled):
    head = identity_head(3).eval()
    # The logits are [1, 2, 1, 3, 2, 3], largest first at class 3, and [5, 2, 5, 1, 2, 1], largest first at class 0.
    embedding = torch.tensor([[[1.0], [2.0], [3.0]], [[5.0], [2.0], [1.0]]]).repeat(2, 1, 1)
    assert head(embedding).argmax(1).tolist() == [3, 0, 3, 0]
    assert head.loss(Embeddings(embedding), labelled([3, 0, 2, 0]))['acc_order'].item() == 0.75


def test_ignored_tuples_take_no_part_in_loss_and_accuracy(head, labelled):
    embedding = torch.randn(4, 3, 5)
    guesses = head(embedding).argmax(1).tolist()
    labels = [guesses[0], -100, (guesses[2] + 1) % 6, -100]
    results = head.loss(Embeddings(embedding), labelled(labels))
    assert results['loss_order'].item() == pytest.approx(reference_loss(head, embedding, labels), rel=1e-5)
    assert results['acc_order'].item() == 0.5


def test_a_batch_of_ignored_tuples_gives_a_loss_of_zero_and_zero_gradients(head, labelled):
    embedding = torch.randn(2, 3, 5, requires_grad=True)
    results = head.loss(Embeddings(embedding), labelled([-100, -100]))
    assert results['loss_order'].item() == 0 and results['acc_order'].item() == 0
    results['loss_order'].backward()
    for tensor in (embedding, *head.parameters()):
        torch.testing.assert_close(tensor.grad, torch.zeros_like(tensor))


def test_the_gradient_is_softmax_minus_one_hot(head, labelled):
    embedding, labels = torch.randn(4, 3, 5), [3, 0, -100, 1]
    head.loss(Embeddings(embedding), labelled(labels))['loss_order'].backward()
    logits = torch.from_numpy(reference_logits(head, embedding))
    difference = logits.softmax(1) - torch.nn.functional.one_hot(torch.tensor([3, 0, 0, 1]), 6)
    difference[2] = 0
    torch.testing.assert_close(head.classifier.bias.grad.double(), difference.sum(0) / 3, atol=1e-6, rtol=1e-5)


def test_the_weight_scales_the_loss_and_not_the_accuracy(head, labelled):
    embedding, samples = torch.randn(3, 3, 5), labelled([5, 1, 0])
    plain = head.loss(Embeddings(embedding), samples)
    head.loss_weight = 0.25
    weighted = head.loss(Embeddings(embedding), samples)
    assert weighted['loss_order'].item() == pytest.approx(plain['loss_order'].item() / 4)
    assert weighted['acc_order'] == plain['acc_order']


def test_loss_and_logits_are_fp32_inside_autocast_and_for_bf16_embeddings(head, labelled):
    embedding, labels = 4 * torch.randn(3, 3, 5), [5, 1, 0]
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits, loss = head(embedding), head.loss(Embeddings(embedding), labelled(labels))['loss_order']
    assert logits.dtype == loss.dtype == torch.float32
    assert loss.item() == pytest.approx(reference_loss(head, embedding, labels), rel=1e-5)
    assert head(embedding.bfloat16()).dtype == torch.float32


def test_a_pretrainer_learns_the_order_of_tuples(small_backbone, labelled):
    # The clips' brightness tells their rank.
    model = Pretrainer(small_backbone(), dict(order=OrderHead(in_channels=4, hidden_channels=16, dropout=0)))
    orders = list(itertools.permutations(range(3)))
    inputs = torch.tensor(orders).float().view(6, 3, 1, 1, 1, 1).expand(6, 3, 3, 4, 4, 4) - 1
    samples = labelled(range(6))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        results = model(inputs, samples, mode='loss')
        optimizer.zero_grad()
        results['loss_order'].backward()
        optimizer.step()
    assert results['acc_order'] == 1 and results['loss_order'] < 0.3


# ------------------------------------------------------------------------------------------------------------ bad input
@pytest.mark.parametrize('shape', [(2, 2, 5), (2, 4, 5), (2, 1, 5), (6, 5)])
def test_another_number_of_clips_is_refused_with_what_to_set(head, labelled, shape):
    with pytest.raises(ValueError, match=r'OrderHead: tuple_len=3 needs .*SampleClipOrder\) the same tuple_len'):
        head.loss(Embeddings(torch.rand(shape)), labelled([0] * shape[0]))


def test_labels_for_each_clip_are_refused(head, samples_with):
    with pytest.raises(ValueError, match=r'OrderHead: labels "gt_order" of shape \(2, 3\) for 2 tuples'):
        head.loss(Embeddings(torch.rand(2, 3, 5)), samples_with(gt_order=[[0, 1, 2], [2, 1, 0]]))


@pytest.mark.parametrize('samples', ['unlabelled', 'none'])
def test_a_missing_order_is_named_with_the_head_that_reads_it(head, samples_with, samples):
    data_samples = samples_with(gt_other=[[0]]) if samples == 'unlabelled' else None
    with pytest.raises(KeyError, match='OrderHead reads the label "gt_order"'):
        head.loss(Embeddings(torch.rand(1, 3, 5)), data_samples)


@pytest.mark.parametrize(
    'arguments, named',
    [
        (dict(tuple_len=1), 'tuple_len'),
        (dict(tuple_len=6), 'tuple_len'),
        (dict(hidden_channels=0), 'hidden_channels'),
        (dict(dropout=1.5), 'dropout'),
    ],
)
def test_a_senseless_argument_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        OrderHead(**arguments)


# ----------------------------------------------------------------------------------------- up to reversal, with batch norm
@pytest.fixture
def frame_head():
    """OPN's head, small."""
    options = dict(up_to_reversal=True, batch_norm=True, input_dropout=0.5, name='frame_order')
    return OrderHead(in_channels=5, tuple_len=4, hidden_channels=7, **options)


@pytest.mark.parametrize('tuple_len', [3, 4, 5])
def test_half_as_many_classes_up_to_reversal(tuple_len):
    head = OrderHead(in_channels=2, tuple_len=tuple_len, hidden_channels=2, up_to_reversal=True)
    assert head(torch.rand(3, tuple_len, 2)).shape == (3, math.factorial(tuple_len) // 2)


def test_equal_logits_of_twelve_classes_have_the_loss_of_a_guess(frame_head, samples_with):
    torch.nn.init.zeros_(frame_head.classifier.weight)
    torch.nn.init.zeros_(frame_head.classifier.bias)
    results = frame_head.loss(Embeddings(torch.rand(2, 4, 5)), samples_with(gt_order=[3, 11]))
    assert set(results) == {'loss_frame_order', 'acc_frame_order'}
    assert results['loss_frame_order'].item() == pytest.approx(math.log(12))


def test_the_norm_has_the_statistics_of_all_pairs_of_a_batch(frame_head):
    frame_head.input_dropout.p = frame_head.dropout.p = 0.0
    embedding = torch.randn(3, 4, 5)
    pairs = torch.stack(
        [torch.cat([embedding[:, i], embedding[:, j]], 1) for i, j in itertools.combinations(range(4), 2)]
    )
    raw = pairs @ frame_head.relation.weight.t() + frame_head.relation.bias  # [6, 3, 7]
    normal = (raw - raw.mean((0, 1))) / (raw.var((0, 1), unbiased=False) + 1e-5).sqrt()
    expected = normal.relu().transpose(0, 1).flatten(1) @ frame_head.classifier.weight.t() + frame_head.classifier.bias
    torch.testing.assert_close(frame_head.train()(embedding), expected)


def test_a_logit_of_one_pair_does_not_see_the_other_frames(frame_head):
    head, embedding = frame_head.eval(), torch.randn(2, 4, 5)
    torch.nn.init.zeros_(head.classifier.weight[:, 7:])  # all but the pair of the first two frames
    torch.testing.assert_close(head(embedding), head(embedding[:, [0, 1, 3, 2]]))


def test_a_frame_that_drops_out_does_so_in_all_of_its_pairs(frame_head):
    torch.nn.init.ones_(frame_head.relation.weight)
    seen = []
    frame_head.relation.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    frame_head.train()(torch.ones(1, 4, 5))
    first = [pair[:5] for pair, (left, _) in zip(seen[0][0], itertools.combinations(range(4), 2)) if left == 0]
    assert all(torch.equal(part, first[0]) for part in first) and set(seen[0].unique().tolist()) == {0.0, 2.0}


def test_without_options_names_and_results_are_those_of_before(head):
    names = {f'{layer}.{part}' for layer in ('relation', 'classifier') for part in ('weight', 'bias')}
    assert set(head.state_dict()) == names
    embedding = torch.randn(4, 3, 5)
    with torch.no_grad():
        pairs = torch.stack([torch.cat([embedding[:, i], embedding[:, j]], 1) for i, j in ((0, 1), (0, 2), (1, 2))], 1)
        expected = head.classifier(torch.relu(head.relation(pairs)).flatten(1))
        state = torch.get_rng_state()
        assert torch.equal(head.train()(embedding), expected)
        assert torch.equal(torch.get_rng_state(), state), 'the draws of a run would change'
