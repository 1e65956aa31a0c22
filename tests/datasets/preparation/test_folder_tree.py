"""The random split of a folder."""

from collections import Counter

import pytest

from videossl.datasets.preparation import PreparationError, split_folder_tree
from videossl.datasets.preparation.folder_tree import group_keys


def videos(**sizes):
    return [(f'{name}/{number:03d}.mp4', name) for name, size in sizes.items() for number in range(size)]


def test_each_part_gets_its_share_of_every_class():
    parts = split_folder_tree(videos(a=10, b=20, c=7), dict(train=0.7, val=0.1, test=0.2))
    counts = {part: Counter(name for _, name in chosen) for part, chosen in parts.items()}
    assert [counts[part]['a'] for part in parts] == [7, 1, 2]
    assert [counts[part]['b'] for part in parts] == [14, 2, 4]
    for part, share in (('train', 4.9), ('val', 0.7), ('test', 1.4)):
        assert abs(counts[part]['c'] - share) < 1
    assert sorted(sum(parts.values(), [])) == videos(a=10, b=20, c=7)


def test_a_division_depends_on_its_seed_alone():
    arguments = videos(a=50, b=50), dict(train=0.5, test=0.5)
    assert split_folder_tree(*arguments, seed=3) == split_folder_tree(*arguments, seed=3)
    assert split_folder_tree(*arguments, seed=3) != split_folder_tree(*arguments, seed=4)


def test_groups_stay_together_also_across_classes():
    paths = [(f'{name}/v_g{number % 12:02d}_c{number}.mp4', name) for name in 'abc' for number in range(60)]
    groups = group_keys([path for path, _ in paths], '_(g[0-9]+)_')
    assert set(groups) == {f'g{number:02d}' for number in range(12)}
    for seed in range(5):
        parts = split_folder_tree(paths, dict(train=0.75, test=0.25), seed, groups)
        of_part = {part: {path.split('_')[1] for path, _ in chosen} for part, chosen in parts.items()}
        assert not of_part['train'] & of_part['test']
        assert (len(parts['train']), len(parts['test'])) == (135, 45)


def test_what_a_group_brought_to_a_part_with_another_class_counts_there():
    paths = [('a/1', 'a'), ('a/2', 'a'), ('b/1', 'b'), ('b/2', 'b')]
    for seed in range(10):
        parts = split_folder_tree(paths, dict(train=0.5, test=0.5), seed, groups=['x', 'y', 'x', 'z'])
        assert [sorted(name for _, name in chosen) for chosen in parts.values()] == [['a', 'b'], ['a', 'b']]


def test_the_group_is_the_bracketed_part_or_else_all_that_matches():
    assert group_keys(['a/x12_3', 'b/x4_5'], r'x(\d+)_') == ['12', '4']
    assert group_keys(['a/x12_3', 'b/x4_5'], r'x\d+_') == ['x12_', 'x4_']
    with pytest.raises(PreparationError, match='1 of 2 paths, .*b/y'):
        group_keys(['a/x1', 'b/y'], r'x\d')
    with pytest.raises(PreparationError, match='no regular expression'):
        group_keys(['a'], '(')


@pytest.mark.parametrize(
    'fractions, message',
    [
        (dict(train=0.8, test=0.3), 'add up to 1, but do to 1.1'),
        (dict(train=1.2, test=-0.2), 'must be above 0'),
        ({'../train': 1.0}, 'cannot be the name'),
        ({}, 'at least one part'),
    ],
)
def test_shares_that_make_no_sense_are_refused(fractions, message):
    with pytest.raises(PreparationError, match=message):
        split_folder_tree(videos(a=4), fractions)
