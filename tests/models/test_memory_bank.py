"""The memory bank against a list that drops from its front."""

import math

import pytest
import torch
from torch import nn

from videossl.models import MemoryBank
from videossl.registry import MODELS


def numbered(first: int, count: int, dim: int = 2) -> torch.Tensor:
    """Keys that can be told apart: row i holds first + i."""
    return (torch.arange(count) + first).float().unsqueeze(1).expand(count, dim).contiguous()


def test_rows_start_with_length_one_in_random_directions():
    bank = MODELS.build(dict(type='MemoryBank', size=200, dim=64))
    assert bank.rows.shape == (200, 64) and bank.rows.dtype == torch.float32
    for row in bank.rows.tolist():
        assert math.sqrt(sum(value * value for value in row)) == pytest.approx(1, abs=1e-5)
    assert bank.rows.mean(0).abs().max() < 0.05
    assert bank.pointer.item() == 0 and bank.size == 200


def test_keys_replace_the_oldest_rows_and_leave_the_others():
    bank = MemoryBank(size=5, dim=2)
    before = bank.rows.clone()
    bank.enqueue(numbered(10, 3))
    assert bank.rows[:3, 0].tolist() == [10, 11, 12]
    assert torch.equal(bank.rows[3:], before[3:])
    assert bank.pointer.item() == 3


def test_a_batch_that_does_not_divide_the_bank_wraps_around():
    bank = MemoryBank(size=5, dim=2)
    bank.enqueue(numbered(0, 3))
    bank.enqueue(numbered(3, 3))
    assert bank.rows[:, 0].tolist() == [5, 1, 2, 3, 4]
    assert bank.pointer.item() == 1
    bank.enqueue(numbered(6, 3))
    assert bank.rows[:, 0].tolist() == [5, 6, 7, 8, 4]
    assert bank.pointer.item() == 4


@pytest.mark.parametrize('size', [1, 2, 5, 7])
@pytest.mark.parametrize('batch', [1, 2, 3, 7, 8, 19])
def test_after_any_number_of_batches_the_bank_holds_the_newest_keys_in_a_ring(size, batch):
    bank = MemoryBank(size, 2)
    total = 0
    for _ in range(4):
        bank.enqueue(numbered(total, batch))
        total += batch
        assert bank.pointer.item() == total % size
        if total >= size:
            assert sorted(bank.rows[:, 0].tolist()) == list(range(total - size, total))
            assert [key % size for key in bank.rows[:, 0].int().tolist()] == list(range(size))


def test_a_batch_of_exactly_the_size_replaces_everything_and_leaves_the_pointer():
    bank = MemoryBank(4, 2)
    bank.enqueue(numbered(0, 1))
    bank.enqueue(numbered(1, 4))
    assert sorted(bank.rows[:, 0].tolist()) == [1, 2, 3, 4] and bank.pointer.item() == 1


def test_no_keys_change_nothing():
    bank = MemoryBank(4, 2)
    before = bank.rows.clone()
    bank.enqueue(torch.zeros(0, 2))
    assert torch.equal(bank.rows, before) and bank.pointer.item() == 0


def test_enqueued_keys_are_copies_without_a_gradient():
    bank = MemoryBank(4, 2)
    keys = numbered(1, 2).requires_grad_()
    bank.enqueue(keys * 1)
    with torch.no_grad():
        keys.zero_()
    assert bank.rows[:2, 0].tolist() == [1, 2]
    assert not bank.rows.requires_grad


def test_rows_and_pointer_survive_the_state_dict():
    bank, other = MemoryBank(5, 2), MemoryBank(5, 2)
    bank.enqueue(numbered(0, 7))
    assert set(bank.state_dict()) == {'rows', 'pointer'}
    other.load_state_dict(bank.state_dict())
    assert torch.equal(other.rows, bank.rows) and other.pointer.item() == 2
    other.enqueue(numbered(7, 1))
    assert other.rows[2, 0].item() == 7
    assert bank.rows[2, 0].item() == 2, 'the copy is the original'


@pytest.mark.parametrize('cast', ['half', 'bfloat16', 'double'])
def test_rows_stay_fp32_when_the_model_around_them_is_cast(cast):
    model = nn.ModuleDict(dict(linear=nn.Linear(2, 2), bank=MemoryBank(5, 2)))
    before = model['bank'].rows.clone()
    getattr(model, cast)()
    assert model['linear'].weight.dtype != torch.float32
    assert model['bank'].rows.dtype == torch.float32
    assert torch.equal(model['bank'].rows, before), 'the rows went through a coarser type'
    assert model['bank'].pointer.dtype == torch.int64
    model['bank'].enqueue(numbered(1, 2).to(model['linear'].weight.dtype))
    assert model['bank'].rows.dtype == torch.float32 and model['bank'].rows[1, 0].item() == 2
    assert 'rows' in model['bank'].state_dict() and model['bank'].state_dict()['rows'].dtype == torch.float32


@pytest.mark.parametrize('shape', [(3, 4), (2,), (2, 2, 2)])
def test_keys_of_another_shape_are_refused_with_both_shapes(shape):
    with pytest.raises(ValueError, match='MemoryBank of dim 2 cannot take keys of shape'):
        MemoryBank(5, 2).enqueue(torch.zeros(shape))


@pytest.mark.parametrize(('size', 'dim'), [(0, 2), (5, 0), (-1, 2)])
def test_an_empty_bank_is_refused(size, dim):
    with pytest.raises(ValueError, match='MemoryBank: (size|dim) must be'):
        MemoryBank(size, dim)


@pytest.mark.parametrize('batch', [1, 3, 5, 8])
def test_the_age_of_a_row_is_its_place_among_the_keys_newest_first(batch):
    bank, total = MemoryBank(5, 2), 0
    assert bank.ages().tolist() == [5, 4, 3, 2, 1]
    for _ in range(6):
        bank.enqueue(numbered(total, batch))
        total += batch
        written = bank.ages() <= total
        assert bank.ages()[written].tolist() == (total - bank.rows[written, 0]).tolist()
        assert sorted(bank.ages().tolist()) == [1, 2, 3, 4, 5]
    assert set(bank.state_dict()) == {'rows', 'pointer'}


# ---------------------------------------------------------------------------------------------- columns beside the rows
def wide_bank(size: int = 5) -> MemoryBank:
    return MODELS.build(
        dict(type='MemoryBank', size=size, dim=2, embeddings=dict(speed=3), labels=['gt_speed', 'sample_idx'])
    )


def wide_keys(first: int, count: int) -> dict:
    numbers = torch.arange(count) + first
    return dict(speed=numbered(first, count, 3) + 0.5, gt_speed=numbers % 2, sample_idx=numbers)


def test_columns_begin_as_unit_vectors_and_as_labels_that_nothing_has():
    bank = wide_bank(200)
    assert bank.columns == ['speed', 'gt_speed', 'sample_idx']
    torch.testing.assert_close(bank.column('speed').norm(dim=1), torch.ones(200))
    assert bank.column('gt_speed').tolist() == bank.column('sample_idx').tolist() == [-1] * 200


@pytest.mark.parametrize('batch', [1, 3, 5, 8])
def test_columns_turn_with_the_rows(batch):
    bank, total = wide_bank(), 0
    for _ in range(4):
        bank.enqueue(numbered(total, batch), **wide_keys(total, batch))
        total += batch
        for row, number in enumerate(bank.column('sample_idx').tolist()):
            if number >= 0:
                assert bank.rows[row].tolist() == [number] * 2 and bank.column('gt_speed')[row] == number % 2
                assert bank.column('speed')[row].tolist() == [number + 0.5] * 3
    assert sorted(bank.column('sample_idx').tolist())[-min(total, 5) :] == list(range(total - min(total, 5), total))


def test_columns_survive_the_state_dict_and_stay_fp32():
    bank, other = wide_bank(), wide_bank()
    bank.enqueue(numbered(0, 7), **wide_keys(0, 7))
    assert set(bank.state_dict()) == {'rows', 'pointer', 'column_speed', 'column_gt_speed', 'column_sample_idx'}
    other.load_state_dict(bank.state_dict())
    before = other.column('speed').clone()
    nn.ModuleDict(dict(bank=other)).half()
    assert torch.equal(other.column('speed'), before) and other.column('speed').dtype == torch.float32
    other.enqueue(numbered(7, 1).half(), **{**wide_keys(7, 1), 'speed': torch.ones(1, 3, dtype=torch.float16)})
    assert other.column('sample_idx').tolist() == [5, 6, 7, 3, 4] and other.column('sample_idx').dtype == torch.int64


def test_keys_without_the_columns_or_of_other_widths_are_refused_by_name():
    bank, keys = wide_bank(), wide_keys(0, 2)
    with pytest.raises(ValueError, match="cannot take the columns .'gt_speed'"):
        bank.enqueue(numbered(0, 2), gt_speed=keys['gt_speed'])
    with pytest.raises(ValueError, match='MemoryBank with the columns .. cannot take'):
        MemoryBank(5, 2).enqueue(numbered(0, 2), **keys)
    with pytest.raises(ValueError, match=r'the column "speed" takes \(2, 3\), but gets \(2, 4\)'):
        bank.enqueue(numbered(0, 2), **{**keys, 'speed': torch.ones(2, 4)})
    with pytest.raises(ValueError, match='the column "gt_speed" takes'):
        bank.enqueue(numbered(0, 2), **{**keys, 'gt_speed': torch.ones(2, 2, dtype=torch.int64)})


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (dict(embeddings=['speed']), 'embeddings must be a dict'),
        (dict(labels='gt_speed'), 'labels a list of names'),
        (dict(embeddings=dict(speed=0)), 'embeddings.speed must be an integer'),
        (dict(embeddings=dict(speed=3), labels=['speed']), 'name a column twice'),
    ],
)
def test_senseless_columns_are_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=f'MemoryBank: .*{named}'):
        MemoryBank(5, 2, **arguments)
