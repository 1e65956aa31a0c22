"""Draws and the sampler that numbers them."""

import copy
import itertools
import pickle

import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from torch.utils.data import DataLoader

import videossl.engine.samplers as samplers
from videossl.engine import Draw, DrawSampler
from videossl.registry import DATA_SAMPLERS


def drawn(sampler: DrawSampler, epoch: int = 0) -> list[Draw]:
    sampler.set_epoch(epoch)
    return list(sampler)


def test_a_draw_is_an_index_that_carries_position_and_seed():
    draw = Draw(3, position=11, seed=5)
    assert draw == 3 and list(range(10))[draw] == 3 and {3: 'x'}[draw] == 'x'
    assert (draw.position, draw.seed) == (11, 5)


def test_a_draw_counts_its_turns_as_its_positions_unless_told_otherwise():
    assert Draw(3, position=11, seed=5).rank_position == 11
    assert Draw(3, position=11, seed=5, rank_position=0).rank_position == 0


def test_copies_modulo_and_difference_keep_the_turn():
    draw = Draw(13, 7, 5, 2)
    for other in (pickle.loads(pickle.dumps(draw)), copy.deepcopy(draw), draw % 5, draw - 4):
        assert type(other) is Draw and (other.position, other.seed, other.rank_position) == (7, 5, 2)


@pytest.mark.parametrize('shuffle', [True, False])
@pytest.mark.parametrize('rank', [0, 1, 2])
def test_turns_number_the_draws_of_a_rank_over_all_epochs(monkeypatch, rank, shuffle):
    monkeypatch.setattr(samplers, 'get_dist_info', lambda: (rank, 3))
    sampler = DrawSampler(Echo(7), shuffle=shuffle, seed=9)
    draws = [draw for epoch in range(4) for draw in drawn(sampler, epoch)]
    assert [draw.rank_position for draw in draws] == list(range(12))
    assert [draw.position for draw in draws] == list(range(rank, 36, 3))


@pytest.mark.parametrize(
    'copy_of',
    [lambda draw: pickle.loads(pickle.dumps(draw)), copy.deepcopy, copy.copy],
    ids=['pickle', 'deepcopy', 'copy'],
)
def test_a_copy_of_a_draw_keeps_position_and_seed(copy_of):
    draw = copy_of(Draw(3, position=11, seed=5))
    assert type(draw) is Draw and (draw, draw.position, draw.seed) == (3, 11, 5)


@pytest.mark.parametrize(
    ('result', 'index'), [(Draw(13, 7, 5) % 5, 3), (Draw(13, 7, 5) - 4, 9), (Draw(13, 7, 5) % Draw(5, 0, 0), 3)]
)
def test_modulo_and_difference_keep_position_and_seed(result, index):
    assert type(result) is Draw and result == index and (result.position, result.seed) == (7, 5)


class Echo(BaseDataset):
    """A data set that gives back the index it was asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(serialize_data=False)

    def load_data_list(self) -> list[dict]:
        return [{}] * self.size

    def __getitem__(self, index: int) -> int:
        return index


def identity(batch: list) -> list:
    return batch


def test_repeated_and_joined_data_sets_hand_the_draw_on():
    repeated = RepeatDataset(Echo(4), times=10)
    sampler = DrawSampler(repeated, seed=1)
    for draw in sampler:
        inner = repeated[draw]
        assert inner == draw % 4 and inner.position == draw.position
    joined = ConcatDataset([Echo(4), Echo(6)])
    for draw in DrawSampler(joined, seed=1):
        inner = joined[draw]
        assert inner == (draw if draw < 4 else draw - 4) and inner.position == draw.position


@pytest.mark.parametrize('num_workers', [0, 2])
def test_draws_reach_the_data_set_through_a_loader(num_workers):
    loader = DataLoader(
        Echo(7), batch_size=3, sampler=DrawSampler(Echo(7), seed=2), num_workers=num_workers, collate_fn=identity
    )
    flat = [draw for batch in loader for draw in batch]
    assert sorted(flat) == list(range(7))
    assert [draw.position for draw in flat] == list(range(7))


@pytest.mark.parametrize('shuffle', [True, False])
@pytest.mark.parametrize('size', [1, 5, 64])
def test_every_sample_comes_once_an_epoch(size, shuffle):
    sampler = DrawSampler(Echo(size), shuffle=shuffle, seed=1)
    for epoch in range(3):
        draws = drawn(sampler, epoch)
        assert len(draws) == len(sampler) == size
        assert sorted(draws) == list(range(size))
        if not shuffle:
            assert draws == list(range(size))


@pytest.mark.parametrize('shuffle', [True, False])
@pytest.mark.parametrize('rank', [0, 1])
def test_repeats_draw_what_a_repeated_data_set_would(monkeypatch, shuffle, rank):
    monkeypatch.setattr(samplers, 'get_dist_info', lambda: (rank, 2))
    repeated = RepeatDataset(Echo(7), times=3)
    old, new = DrawSampler(repeated, shuffle, seed=4), DrawSampler(Echo(7), shuffle, seed=4, repeats=3)
    assert len(new) == len(old) == 11
    for epoch in range(3):
        before, now = drawn(old, epoch), drawn(new, epoch)
        assert [repeated[draw] for draw in before] == now
        for key in ('position', 'rank_position', 'seed'):
            assert [getattr(draw, key) for draw in before] == [getattr(draw, key) for draw in now]


@pytest.mark.parametrize('endless', [False, True])
def test_each_sample_comes_as_often_as_it_is_repeated_and_a_later_start_leaves_out_the_first(endless):
    sampler = DrawSampler(Echo(5), seed=1, repeats=4, endless=endless)
    draws = list(itertools.islice(sampler, 20))
    assert sorted(draws) == sorted(list(range(5)) * 4) and [draw.position for draw in draws] == list(range(20))
    sampler.start = 13
    assert list(itertools.islice(sampler, 7)) == draws[13:]


@pytest.mark.parametrize('repeats', [0, 1.5, True])
def test_a_senseless_number_of_repeats_is_refused(repeats):
    with pytest.raises(ValueError, match='repeats'):
        DrawSampler(Echo(5), repeats=repeats)


def test_each_epoch_and_each_seed_has_another_order():
    orders = [drawn(DrawSampler(Echo(64), seed=seed), epoch) for seed in (1, 2) for epoch in (0, 1, 2)]
    assert len({tuple(order) for order in orders}) == 6
    assert all(order != list(range(64)) for order in orders)


def test_an_order_is_a_function_of_seed_and_epoch():
    first, later = DrawSampler(Echo(64), seed=1), DrawSampler(Echo(64), seed=1)
    drawn(first, 0)
    assert drawn(first, 5) == drawn(later, 5)
    assert drawn(first, 5) == drawn(first, 5)


@pytest.mark.parametrize('shuffle', [True, False])
def test_positions_number_the_endless_sequence_of_all_epochs(shuffle):
    sampler = DrawSampler(Echo(5), shuffle=shuffle, seed=9)
    draws = [draw for epoch in range(4) for draw in drawn(sampler, epoch)]
    assert [draw.position for draw in draws] == list(range(20))
    assert {draw.seed for draw in draws} == {9}


@pytest.mark.parametrize('size', [8, 7, 1])
def test_two_ranks_share_the_samples_evenly_and_every_sample_is_seen(monkeypatch, size):
    ranks = []
    for rank in (0, 1):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, 2))
        ranks.append(DrawSampler(Echo(size), seed=1))
    monkeypatch.undo()
    alone = drawn(DrawSampler(Echo(size), seed=1), 2)
    first, second = (drawn(sampler, 2) for sampler in ranks)
    half = (size + 1) // 2
    assert len(first) == len(second) == len(ranks[0]) == len(ranks[1]) == half
    together = [draw for pair in zip(first, second) for draw in pair]
    assert together[:size] == alone
    assert together[size:] == alone[: len(together) - size], 'the last ones are padded with the first'
    assert [draw.position for draw in together] == list(range(2 * 2 * half, 3 * 2 * half))
    if size == 8:
        assert not set(first) & set(second)


def test_without_a_seed_all_ranks_get_a_common_one(monkeypatch):
    monkeypatch.setattr(samplers, 'sync_random_seed', lambda: 77)
    sampler = DATA_SAMPLERS.build(dict(type='DrawSampler', dataset=Echo(3)))
    assert sampler.seed == 77 and next(iter(sampler)).seed == 77


def test_the_seed_0_is_a_seed(monkeypatch):
    monkeypatch.setattr(samplers, 'sync_random_seed', lambda: pytest.fail('a seed was given'))
    assert DrawSampler(Echo(3), seed=0).seed == 0
