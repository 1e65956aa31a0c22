"""InfoNCE against -log softmax written out in float64."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from videossl.models import InfoNCEHead, MemoryBank
from videossl.models.embeddings import Embeddings
from videossl.models.heads import info_nce, info_nce_head
from videossl.models.heads.info_nce_head import with_decay
from videossl.registry import MODELS


def embeddings(student, teacher, rows):
    """What the head gets of a model whose bank has these rows."""
    return Embeddings(student, teacher, SimpleNamespace(rows=rows))


def loss_by_hand(student, teacher, bank, temperature) -> float:
    """Sum over views of the mean over samples of -log softmax([q.k, q.bank] / temperature)[0], in float64."""
    student, teacher, bank = (np.asarray(rows.detach(), np.float64) for rows in (student, teacher, bank))
    total = 0.0
    for view in range(teacher.shape[1]):
        losses = []
        for query, key in zip(student, teacher[:, view]):
            logits = np.array([query @ key, *(bank @ query)]) / temperature
            weights = np.exp(logits - logits.max())
            losses.append(-np.log(weights[0] / weights.sum()))
        total += np.mean(losses)
    return total


@pytest.fixture
def views(unit_rows):
    """Student [5, 8], two teacher views [5, 2, 8], bank [13, 8]."""
    return unit_rows(5, 8), unit_rows(10, 8).view(5, 2, 8), unit_rows(13, 8)


@pytest.mark.parametrize('temperature', [0.07, 0.2, 1.0])
def test_the_loss_is_minus_log_softmax_of_the_positive_summed_over_the_teachers_views(views, temperature):
    assert info_nce(*views, temperature).item() == pytest.approx(loss_by_hand(*views, temperature), rel=1e-4)
    student, teacher, bank = views
    single = [info_nce(student, teacher[:, [view]], bank, temperature).item() for view in range(2)]
    assert info_nce(*views, temperature).item() == pytest.approx(sum(single), rel=1e-5)


def test_a_bank_of_rows_like_the_keys_gives_the_logarithm_of_the_number_of_candidates(unit_rows):
    row = unit_rows(1, 8)
    loss = info_nce(unit_rows(4, 8), row.expand(4, 2, 8), row.expand(30, 8), 0.07)
    assert loss.item() == pytest.approx(2 * np.log(31), rel=1e-5)


def test_an_easy_positive_costs_nothing_and_a_hard_one_a_lot_without_overflow():
    bank = torch.tensor([[-1.0, 0.0]])
    query = torch.tensor([[1.0, 0.0]])
    assert info_nce(query, query.unsqueeze(1), bank, 0.07).item() == pytest.approx(np.exp(-2 / 0.07), abs=1e-12)
    assert info_nce(query, -query.unsqueeze(1), -bank, 0.01).item() == pytest.approx(200, rel=1e-5)


def test_the_gradient_is_that_of_the_cross_entropy_and_goes_to_the_student_alone(views):
    student, teacher, bank = (rows.clone().requires_grad_() for rows in views)
    info_nce(student, teacher, bank, 0.2).backward()
    assert teacher.grad is None and bank.grad is None
    by_hand = torch.zeros(5, 8, dtype=torch.float64)
    for view in range(2):
        for sample in range(5):
            candidates = torch.cat([views[1][sample, [view]], views[2]]).double()
            share = (candidates @ views[0][sample].double() / 0.2).softmax(0)
            by_hand[sample] += (share @ candidates - candidates[0]) / 0.2 / 5
    torch.testing.assert_close(student.grad.double(), by_hand, atol=1e-5, rtol=1e-4)


def test_similarities_stay_in_fp32_inside_autocast(views):
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = info_nce(*views, 0.07)
        head = InfoNCEHead().loss(embeddings(views[0].unsqueeze(1), *views[1:]))
        similarity = views[0] @ views[2].t()
    assert similarity.dtype == torch.bfloat16, 'autocast would have gone unnoticed'
    assert loss.dtype == head['loss_appearance'].dtype == torch.float32
    assert loss.item() == pytest.approx(loss_by_hand(*views, 0.07), rel=1e-4)
    assert head['loss_appearance'].item() == pytest.approx(loss_by_hand(*views, 0.07), rel=1e-4)


def test_the_accuracy_is_the_share_of_samples_and_views_that_beat_every_row():
    rows = torch.eye(4)
    student = rows[:2].unsqueeze(1)
    teacher = torch.stack([rows[[0, 0]], rows[[0, 1]]], dim=1)  # the first view of the second sample is wrong
    bank = rows[2:]
    assert InfoNCEHead().loss(embeddings(student, teacher, bank))['acc_appearance'].item() == 0.75
    assert InfoNCEHead().loss(embeddings(student, teacher, rows))['acc_appearance'].item() == 0, 'a tie is no win'


def test_a_collapsed_model_wins_nothing_by_rounding(unit_rows):
    row = unit_rows(1, 128)
    head = InfoNCEHead()
    results = head.loss(
        embeddings(row.expand(64, 1, 128), row.expand(64, 2, 128).contiguous(), row.expand(500, 128).contiguous())
    )
    assert results['acc_appearance'].item() == 0
    assert results['loss_appearance'].item() == pytest.approx(2 * np.log(501), rel=1e-5)


def test_the_weight_scales_the_loss_alone_and_the_name_names_both(views):
    inputs = embeddings(views[0].unsqueeze(1), *views[1:])
    plain, weighted = InfoNCEHead().loss(inputs), InfoNCEHead(name='video', loss_weight=3.0).loss(inputs)
    assert set(plain) == {'loss_appearance', 'acc_appearance'} and set(weighted) == {'loss_video', 'acc_video'}
    assert weighted['loss_video'].item() == pytest.approx(3 * plain['loss_appearance'].item())
    assert weighted['acc_video'] == plain['acc_appearance']


def test_the_released_codes_temperature_is_the_default():
    head = MODELS.build(dict(type='InfoNCEHead'))
    assert (head.temperature, head.embedding_name, head.loss_weight) == (0.07, 'appearance', 1.0)
    assert list(head.parameters()) == []


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match='temperature must be positive, got 0'):
        InfoNCEHead(temperature=0)
    with pytest.raises(ValueError, match='one student view, got 2'):
        InfoNCEHead().loss(embeddings(torch.rand(2, 2, 4), torch.rand(2, 1, 4), torch.rand(3, 4)))


# ------------------------------------------------------------------------------------- negatives that count less with age
def bank_of(rows, num_keys=0):
    """A bank of these rows whose pointer is as after ``num_keys`` keys."""
    bank = MemoryBank(*rows.shape)
    bank.rows.copy_(rows)
    bank.pointer.fill_(num_keys % len(rows))
    return bank


def decayed_by_hand(student, teacher, bank, ages, temperature, decay, place) -> float:
    """Mean over samples and sum over views of -log of the share of the positive, in float64."""
    student, teacher, rows = (np.asarray(each.detach(), np.float64) for each in (student, teacher, bank.rows))
    weights = decay ** np.asarray(ages, np.float64)
    total = 0.0
    for query, keys in zip(student, teacher):
        similarity = rows @ query
        inside, outside = (weights, 1) if place == 'inside' else (1, weights)
        negatives = (outside * np.exp(inside * similarity / temperature)).sum()
        for key in keys:
            positive = np.exp(query @ key / temperature)
            total -= np.log(positive / (positive + negatives))
    return total / len(student)


@pytest.mark.parametrize('place', ['outside', 'inside'])
@pytest.mark.parametrize(('unit', 'num_keys'), [('keys', 13), ('keys', 20), ('iterations', 20)])
def test_older_rows_count_less(views, place, unit, num_keys):
    student, teacher, rows = views
    bank = bank_of(rows, num_keys)
    head = InfoNCEHead(0.2, decay=0.9, decay_place=place, decay_unit=unit)
    results = head.loss(Embeddings(student.unsqueeze(1), teacher, bank))
    newest = (num_keys - 1) % 13
    ages = [(newest - row) % 13 + 1 for row in range(13)]
    if unit == 'iterations':  # of 5 keys
        ages = [-(-age // 5) for age in ages]
    expected = decayed_by_hand(student, teacher, bank, ages, 0.2, 0.9, place)
    assert results['loss_appearance'].item() == pytest.approx(expected, rel=1e-4)
    plain = InfoNCEHead(0.2).loss(Embeddings(student.unsqueeze(1), teacher, bank))
    assert results['acc_appearance'] == plain['acc_appearance']
    assert results['loss_appearance'] != plain['loss_appearance']


@pytest.mark.parametrize('place', ['outside', 'inside'])
@pytest.mark.parametrize('unit', ['keys', 'iterations'])
def test_without_decay_it_is_bit_for_bit_the_head_without(views, place, unit):
    student, teacher, rows = views
    losses = []
    for arguments in ({}, dict(decay=1.0, decay_place=place, decay_unit=unit)):
        query = student.clone().requires_grad_()
        loss = InfoNCEHead(**arguments).loss(Embeddings(query.unsqueeze(1), teacher, bank_of(rows)))['loss_appearance']
        loss.backward()
        losses.append((loss, query.grad))
    assert torch.equal(losses[0][0], losses[1][0]) and torch.equal(losses[0][1], losses[1][1])
    # What decay does to similarities is also nothing at t = 1, to the bit.
    negatives = student @ rows.t()
    assert torch.equal(with_decay(negatives, bank_of(rows).ages(), 1.0, place, 0.07), negatives)


@pytest.mark.parametrize('size', [5, 1000])
def test_equal_similarities_cost_the_log_of_one_and_the_geometric_series(unit_rows, size):
    row, t = unit_rows(1, 8), 0.99
    bank = bank_of(row.expand(size, 8), num_keys=3)
    results = InfoNCEHead(decay=t).loss(Embeddings(row.expand(4, 1, 8), row.expand(4, 1, 8), bank))
    assert results['loss_appearance'].item() == pytest.approx(np.log(1 + t * (1 - t**size) / (1 - t)), rel=1e-5)


def test_the_chance_loss_of_videomocos_bank_and_the_weight_of_its_oldest_key():
    loss = InfoNCEHead().loss(Embeddings(torch.ones(1, 1, 1), torch.ones(1, 1, 1), bank_of(torch.ones(65536, 1))))
    assert loss['loss_appearance'].item() == pytest.approx(11.090, abs=5e-4)  # ln 65537
    ages = torch.tensor([65536])
    outside = with_decay(torch.zeros(1), ages, 0.99999, 'outside', 1.0)
    assert outside.exp().item() == pytest.approx(0.519, abs=5e-4)


def test_within_the_exponent_a_negative_similarity_rises_and_outside_it_falls():
    negative, ages = torch.tensor([-0.5]), torch.tensor([7])
    assert with_decay(negative, ages, 0.9, 'inside', 0.07).item() == pytest.approx(-0.5 * 0.9**7)
    assert with_decay(negative, ages, 0.9, 'outside', 0.07).item() == pytest.approx(-0.5 + 0.07 * 7 * np.log(0.9))


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (dict(decay=0), 'decay must be positive'),
        (dict(decay=1.01), 'decay must be a number from 0 to 1'),
        (dict(decay_place='before'), "decay_place must be one of 'outside', 'inside'"),
        (dict(decay_unit='steps'), "decay_unit must be one of 'keys', 'iterations'"),
    ],
)
def test_a_senseless_decay_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=f'InfoNCEHead: {named}'):
        InfoNCEHead(**arguments)


def test_two_processes_with_half_the_batch_each_count_iterations_as_one_with_all_of_it(unit_rows, monkeypatch):
    student, teacher, bank = unit_rows(4, 8).unsqueeze(1), unit_rows(4, 8).unsqueeze(1), bank_of(unit_rows(13, 8), 20)
    head = InfoNCEHead(decay=0.8, decay_unit='iterations')
    joint = head.loss(Embeddings(student, teacher, bank))['loss_appearance']
    halves = [Embeddings(student[part], teacher[part], bank) for part in (slice(0, 2), slice(2, 4))]
    alone = sum(head.loss(half)['loss_appearance'] for half in halves) / 2
    monkeypatch.setattr(info_nce_head, 'get_world_size', lambda: 2)
    together = sum(head.loss(half)['loss_appearance'] for half in halves) / 2
    assert together.item() == pytest.approx(joint.item(), rel=1e-6)
    assert abs(alone.item() - joint.item()) > 1e-3


# ------------------------------------------------------------------------- several views of the student in one softmax
def one_softmax_by_hand(student, teacher, bank, temperature) -> float:
    """Mean over samples, sum over pairs of views, of -log of the pair's share among all of the sample's similarities."""
    student, teacher, bank = (np.asarray(rows.detach(), np.float64) for rows in (student, teacher, bank))
    total = 0.0
    for queries, keys in zip(student, teacher):
        positives = np.exp(queries @ keys.T / temperature)
        everything = positives.sum() + np.exp(queries @ bank.T / temperature).sum()
        total -= np.log(positives / everything).sum()
    return total / len(student)


@pytest.mark.parametrize(('student_views', 'teacher_views'), [(3, 1), (2, 2), (1, 2)])
def test_all_positives_and_negatives_of_a_sample_share_one_softmax(unit_rows, student_views, teacher_views):
    student = unit_rows(5 * student_views, 8).view(5, student_views, 8)
    teacher, bank = unit_rows(5 * teacher_views, 8).view(5, teacher_views, 8), unit_rows(13, 8)
    results = InfoNCEHead(0.2, one_softmax=True).loss(embeddings(student, teacher, bank))
    expected = one_softmax_by_hand(student, teacher, bank, 0.2)
    assert results['loss_appearance'].item() == pytest.approx(expected, rel=1e-5)
    wins = [clip @ key > (bank @ clip).max() for clips, keys in zip(student, teacher) for clip in clips for key in keys]
    assert results['acc_appearance'].item() == pytest.approx(np.mean(wins))


def test_one_positive_has_the_same_loss_in_both(views):
    student, teacher, bank = views
    inputs = embeddings(student.unsqueeze(1), teacher[:, :1], bank)
    losses = [InfoNCEHead(one_softmax=joint).loss(inputs)['loss_appearance'].item() for joint in (True, False)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_chance_loss_of_ceps_three_clips():
    student, teacher = torch.eye(3).expand(4, 3, 3), torch.zeros(4, 1, 3)
    loss = InfoNCEHead(one_softmax=True).loss(embeddings(student, teacher, torch.zeros(16384, 3)))['loss_appearance']
    assert loss.item() == pytest.approx(3 * np.log(3 * 16385), rel=1e-6) == pytest.approx(32.408, abs=1e-3)


def test_the_joint_gradient_goes_to_the_student_alone(unit_rows):
    student, teacher, bank = unit_rows(6, 8).view(2, 3, 8), unit_rows(2, 8).view(2, 1, 8), unit_rows(4, 8)
    student, teacher, bank = (rows.requires_grad_() for rows in (student, teacher, bank))
    InfoNCEHead(one_softmax=True).loss(embeddings(student, teacher, bank))['loss_appearance'].backward()
    assert teacher.grad is None and bank.grad is None and (student.grad.abs().sum(2) > 0).all()


def test_a_joint_softmax_takes_ages_too(unit_rows):
    student, teacher, bank = unit_rows(6, 8).view(2, 3, 8), unit_rows(2, 8).view(2, 1, 8), bank_of(unit_rows(13, 8), 4)
    head = InfoNCEHead(0.2, decay=0.9, decay_unit='iterations', one_softmax=True)
    positives, negatives = torch.exp(student @ teacher[:, 0, :, None] / 0.2).flatten(1), student @ bank.rows.t() / 0.2
    ages = torch.tensor([-(-int(age) // 2) for age in bank.ages()])  # of batches of two samples, not of six clips
    everything = positives.sum(1) + (negatives.exp() * 0.9**ages).sum((1, 2))
    expected = -(positives / everything[:, None]).log().sum(1).mean()
    loss = head.loss(Embeddings(student, teacher, bank))['loss_appearance']
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_head_may_compare_with_some_of_the_teachers_views(views):
    student, teacher, bank = views
    for chosen in ([1], [1, 0]):
        loss = InfoNCEHead(teacher_views=chosen).loss(embeddings(student.unsqueeze(1), teacher, bank))
        alone = InfoNCEHead().loss(embeddings(student.unsqueeze(1), teacher[:, chosen], bank))
        assert loss == alone
    for wrong in ([2], []):
        with pytest.raises(ValueError, match='teacher_views=.* positions among the 2 views of model.teacher_views'):
            InfoNCEHead(teacher_views=wrong).loss(embeddings(student.unsqueeze(1), teacher, bank))
    with pytest.raises(ValueError, match='each of teacher_views must be an integer of at least 0, got -1'):
        InfoNCEHead(teacher_views=[-1]).loss(embeddings(student.unsqueeze(1), teacher, bank))
