"""Lists with few labels."""

import pytest

from videossl.apis.studies.few_labels import main, write_few_labels
from videossl.datasets.annotations import read_annotations

ENTRIES = [(f'{"ab"[place % 2]}/video {place}.mp4', place % 2) for place in range(9)]


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / 'train.txt'
    path.write_text(''.join(f'{name} {label}\n' for name, label in ENTRIES))
    return path


def test_the_tool_writes_nested_lists_and_says_how_long_they_are(labelled, tmp_path, capsys):
    main([str(labelled), '--per-class', '1', '3', '10', '--seed', '5'])
    lists = [read_annotations(str(tmp_path / f'train_{count}_per_class_seed_5.txt')) for count in (1, 3, 10)]
    assert [len(entries) for entries in lists] == [2, 6, 9]
    assert set(lists[0]) < set(lists[1]) < set(lists[2]) == set(ENTRIES)
    assert f'{tmp_path / "train_3_per_class_seed_5.txt"}: 6 videos, up to 3 of each class' in capsys.readouterr().out


def test_another_seed_is_another_choice_and_goes_where_it_is_told(labelled, tmp_path):
    chosen = [read_annotations(str(write_few_labels(labelled, [1], seed, tmp_path / 'few')[1])) for seed in range(6)]
    assert len({tuple(entries) for entries in chosen}) > 2
    assert len(list((tmp_path / 'few').iterdir())) == 6


def test_a_list_without_labels_is_refused(tmp_path):
    (tmp_path / 'bare.txt').write_text('a.mp4\nb.mp4\n')
    with pytest.raises(ValueError, match='has no labels'):
        main([str(tmp_path / 'bare.txt')])
