"""ASCNet's speed: which row of the bank a clip is compared with, and that nothing breaks where there is none."""

import pytest
import torch
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import MemoryBank, SpeedConsistencyHead
from videossl.models.embeddings import Embeddings
from videossl.models.heads.speed_consistency_head import retrieve
from videossl.registry import MODELS

DIM = 6


def bank_of(rows, speeds, videos, embeddings=None):
    bank = MemoryBank(len(rows), rows.shape[1], embeddings=dict(speed=DIM), labels=('gt_speed', 'sample_idx'))
    embeddings = F.normalize(torch.randn(len(rows), DIM), dim=1) if embeddings is None else embeddings
    bank.enqueue(rows, speed=embeddings, gt_speed=torch.tensor(speeds), sample_idx=torch.tensor(videos))
    return bank


def expected_rows(query, bank, speeds, videos):
    """By a loop: for each clip the rows of its speed and another video, most similar first."""
    found = []
    for sample, video in enumerate(videos):
        for view, speed in enumerate(speeds[sample]):
            rows = [
                row
                for row in range(bank.size)
                if bank.column('gt_speed')[row] == speed and bank.column('sample_idx')[row] not in (video, -1)
            ]
            found.append(sorted(rows, key=lambda row: -(bank.rows[row] @ query[sample, view]).item()))
    return found


def test_the_other_clip_has_the_speed_another_video_and_the_most_similar_appearance(unit_rows, samples_with):
    speeds, videos = [[0, 1], [1, 0], [0, 1]], [4, 7, 9]
    bank = bank_of(unit_rows(10, 8), [0, 1] * 5, [4, 4, 7, 7, 1, 1, 2, 2, 9, 4])
    student, query = unit_rows(6, DIM).view(3, 2, DIM), unit_rows(6, 8).view(3, 2, 8)
    samples = samples_with(gt_speed=speeds, sample_idx=videos)
    head = MODELS.build(dict(type='SpeedConsistencyHead', loss_weight=3.0))
    results = head.loss(Embeddings(student, bank=bank, query=query), samples)
    rows = expected_rows(query, bank, speeds, videos)
    assert all(rows)
    distances = [
        (clip - bank.column('speed')[candidates[0]]).square().sum()
        for clip, candidates in zip(student.flatten(0, 1), rows)
    ]
    assert results['loss_speed_consistency'].item() == pytest.approx(3 * torch.stack(distances).mean().item(), rel=1e-5)


def test_the_own_video_is_never_taken_even_if_it_fills_the_bank(unit_rows, samples_with):
    rows = unit_rows(5, 8)
    bank = bank_of(rows, [0] * 5, [3] * 5)
    student = unit_rows(2, DIM).view(2, 1, DIM)
    samples = samples_with(gt_speed=[[0], [0]], sample_idx=[3, 4])
    results = SpeedConsistencyHead().loss(Embeddings(student, bank=bank, query=rows[:2].unsqueeze(1)), samples)
    # The first sample's term is 0; the second finds its like among the first's clips.
    expected = (student[1, 0] - bank.column('speed')[1]).square().sum() / 2
    assert results['loss_speed_consistency'].item() == pytest.approx(expected.item(), rel=1e-5)


def test_clips_of_an_ignored_speed_find_no_row(unit_rows, samples_with):
    bank = bank_of(unit_rows(4, 8), [-100] * 4, [1, 2, 3, 4])
    samples = samples_with(gt_speed=[[-100], [-100]], sample_idx=[8, 9])
    embeddings = Embeddings(unit_rows(2, DIM).view(2, 1, DIM), bank=bank, query=unit_rows(2, 8).view(2, 1, 8))
    assert all(value == 0 for value in SpeedConsistencyHead().loss(embeddings, samples).values())


@pytest.mark.parametrize('num_written', [0, 2])
def test_rows_that_no_key_has_replaced_yet_take_no_part(num_written, unit_rows, samples_with):
    bank = MemoryBank(6, 8, embeddings=dict(speed=DIM), labels=('gt_speed', 'sample_idx'))
    written = torch.arange(num_written)
    bank.enqueue(unit_rows(num_written, 8), speed=unit_rows(num_written, DIM), gt_speed=0 * written, sample_idx=written)
    student = unit_rows(2, DIM).view(2, 1, DIM).requires_grad_()
    samples = samples_with(gt_speed=[[0], [1]], sample_idx=[8, 9])
    results = SpeedConsistencyHead().loss(Embeddings(student, bank=bank, query=unit_rows(2, 8).view(2, 1, 8)), samples)
    results['loss_speed_consistency'].backward()
    assert student.grad.isfinite().all() and (student.grad[1] == 0).all(), 'no row has speed 1'
    assert (student.grad[0] == 0).all() == (num_written == 0)
    assert results['acc_same_speed'] == (0.5 if num_written else 0)
    if not num_written:
        assert results['loss_speed_consistency'] == 0


def test_the_gradient_goes_to_the_student_alone(unit_rows, samples_with):
    bank = bank_of(unit_rows(4, 8), [0] * 4, [1, 2, 3, 4])
    student, query = unit_rows(2, DIM).view(2, 1, DIM).requires_grad_(), unit_rows(2, 8).view(2, 1, 8).requires_grad_()
    samples = samples_with(gt_speed=[[0], [0]], sample_idx=[8, 9])
    SpeedConsistencyHead().loss(Embeddings(student, bank=bank, query=query), samples)[
        'loss_speed_consistency'
    ].backward()
    best = [rows[0] for rows in expected_rows(query, bank, [[0], [0]], [8, 9])]
    torch.testing.assert_close(student.grad[:, 0], -2 * bank.column('speed')[best] / 2)
    assert query.grad is None and not bank.column('speed').requires_grad


def test_the_labels_are_those_of_the_students_views(unit_rows, samples_with):
    bank = bank_of(unit_rows(2, 8), [0, 1], [1, 2])
    student, query = unit_rows(1, DIM).view(1, 1, DIM), unit_rows(1, 8).view(1, 1, 8)
    samples = samples_with(gt_speed=[[0, 1]], sample_idx=[9])
    for view in (0, 1):
        results = SpeedConsistencyHead().loss(Embeddings(student, None, bank, [view], query), samples)
        expected = (student[0, 0] - bank.column('speed')[view]).square().sum().item()
        assert results['loss_speed_consistency'].item() == pytest.approx(expected, rel=1e-5)


def test_swapping_the_views_leaves_the_loss_as_it_is(unit_rows, samples_with):
    bank = bank_of(unit_rows(6, 8), [0, 1] * 3, [1, 2, 3, 4, 5, 6])
    student, query = unit_rows(4, DIM).view(2, 2, DIM), unit_rows(4, 8).view(2, 2, 8)
    losses = [
        SpeedConsistencyHead()
        .loss(Embeddings(clips, bank=bank, query=by), samples_with(gt_speed=speeds, sample_idx=[8, 9]))[
            'loss_speed_consistency'
        ]
        .item()
        for clips, by, speeds in (
            (student, query, [[0, 1], [1, 0]]),
            (student.flip(1), query.flip(1), [[1, 0], [0, 1]]),
        )
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_the_accuracy_is_how_often_the_nearest_speed_embedding_of_others_has_the_speed(samples_with):
    axes = torch.eye(DIM)
    bank = bank_of(axes[:4], [0, 1, 0, 1], [1, 2, 3, 9], embeddings=axes[:4])
    student = axes[[0, 1, 2, 3]].view(4, 1, DIM) + 0.1 * axes[4]
    # Right; wrong; right; the nearest row is the own video's, so that the first of the others, all alike, is taken.
    samples = samples_with(gt_speed=[[0], [0], [0], [0]], sample_idx=[8, 8, 8, 9])
    results = SpeedConsistencyHead().loss(Embeddings(student, bank=bank, query=axes[:4].unsqueeze(1)), samples)
    assert results['acc_same_speed'] == 3 / 4


def test_retrieval_without_an_allowed_row_says_so(unit_rows):
    found, is_found = retrieve(unit_rows(2, 4), unit_rows(3, 4), torch.tensor([[False] * 3, [False, True, False]]))
    assert is_found.tolist() == [False, True] and found[1] == 1


def test_a_sample_without_speed_or_number_is_named(unit_rows, samples_with):
    bank = bank_of(unit_rows(2, 8), [0, 1], [1, 2])
    embeddings = Embeddings(unit_rows(1, DIM).view(1, 1, DIM), bank=bank, query=unit_rows(1, 8).view(1, 1, 8))
    with pytest.raises(KeyError, match='gt_speed'):
        SpeedConsistencyHead().loss(embeddings, samples_with(sample_idx=[1]))
    with pytest.raises(KeyError, match='sample_idx'):
        SpeedConsistencyHead().loss(embeddings, samples_with(gt_speed=[[0]]))


def test_a_column_of_another_width_is_named(unit_rows, samples_with):
    bank = bank_of(unit_rows(4, 8), [0] * 4, [3] * 4)
    student, query = unit_rows(2, DIM + 1).view(2, 1, DIM + 1), unit_rows(2, 8).view(2, 1, 8)
    with pytest.raises(ConfigError, match=f'model.memory_bank.embeddings.speed={DIM} .* {DIM + 1}'):
        SpeedConsistencyHead().loss(
            Embeddings(student, bank=bank, query=query), samples_with(gt_speed=[[0], [0]], sample_idx=[3, 4])
        )
