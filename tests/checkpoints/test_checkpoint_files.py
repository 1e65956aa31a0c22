"""Which checkpoint a run goes on from."""

import os

import pytest
import torch

from videossl.checkpoints.checkpoint_files import (
    iterations_in,
    newest_whole,
    numbered_checkpoints,
    read_pointer,
    write_pointer,
)
from videossl.errors import CheckpointError


@pytest.fixture
def save(tmp_path):
    """A function that writes a checkpoint after so many iterations, or a broken one, and gives its path."""

    def save(name: str, iterations: int | None) -> str:
        path = tmp_path / name
        if iterations is None:
            path.write_bytes(b'PK\3\4 and no more')
        else:
            torch.save(dict(state_dict=dict(weight=torch.ones(2)), meta=dict(epoch=0, iter=iterations)), path)
        return str(path)

    return save


def test_without_any_checkpoint_there_is_none(tmp_path):
    (tmp_path / 'config.py').write_text('')
    assert newest_whole(str(tmp_path)) == (None, [])
    assert newest_whole(str(tmp_path / 'nowhere')) == (None, [])


def test_the_pointer_goes_before_the_numbers(tmp_path, save):
    older, _ = save('epoch_1.pth', 10), save('epoch_2.pth', 20)
    write_pointer(str(tmp_path), older)
    assert newest_whole(str(tmp_path)) == (older, [])


def test_without_a_pointer_the_highest_number_counts_and_not_the_first_letter(tmp_path, save):
    save('epoch_9.pth', 90), save('best_acc_epoch_11.pth', 110), save('teacher.pth', 500)
    newest = save('epoch_10.pth', 100)
    assert newest_whole(str(tmp_path)) == (newest, [])


@pytest.mark.parametrize('iterations, expected', [(95, 'epoch_10.pth'), (101, 'iter_101.pth')])
def test_epochs_and_iterations_are_compared_by_how_far_they_are(tmp_path, save, iterations, expected):
    save('epoch_10.pth', 100), save(f'iter_{iterations}.pth', iterations)
    assert newest_whole(str(tmp_path))[0] == str(tmp_path / expected)


def test_what_is_broken_is_passed_over_and_named_downwards(tmp_path, save):
    good = save('epoch_1.pth', 10)
    for number in (2, 3):
        save(f'epoch_{number}.pth', None)
    write_pointer(str(tmp_path), str(tmp_path / 'epoch_3.pth'))
    path, reasons = newest_whole(str(tmp_path))
    assert path == good and len(reasons) == 2
    assert 'epoch_3.pth could not be read: the file is damaged or cut off' in reasons[0] and 'epoch_2.pth' in reasons[1]


@pytest.mark.parametrize('content', [b'', bytes(40), b'/nowhere/epoch_7.pth', b'\xff\xfe', b'../x'])
def test_a_pointer_that_says_nothing_of_use_is_passed_over(tmp_path, save, content):
    good = save('epoch_1.pth', 10)
    (tmp_path / 'last_checkpoint').write_bytes(content)
    path, reasons = newest_whole(str(tmp_path))
    assert path == good and len(reasons) == 1 and 'no checkpoint' in reasons[0]


def test_only_broken_ones_are_an_error_that_says_what_to_do(tmp_path, save):
    save('epoch_1.pth', None)
    with pytest.raises(CheckpointError, match='no checkpoint in .*epoch_1.pth'):
        newest_whole(str(tmp_path))


def test_checkpoints_may_lie_in_another_folder_than_the_pointer(tmp_path, save):
    (tmp_path / 'kept').mkdir()
    good = save('kept/iter_5.pth', 5)
    write_pointer(str(tmp_path), good)
    assert newest_whole(str(tmp_path), str(tmp_path / 'kept')) == (good, [])
    (tmp_path / 'last_checkpoint').unlink()
    assert newest_whole(str(tmp_path), str(tmp_path / 'kept')) == (good, [])
    assert newest_whole(str(tmp_path)) == (None, [])


def test_the_copy_in_the_folder_goes_before_the_original_that_the_pointer_names(tmp_path, save):
    (tmp_path / 'copy').mkdir()
    original = save('epoch_1.pth', 10)
    write_pointer(str(tmp_path / 'copy'), original)
    assert read_pointer(str(tmp_path / 'copy')) == original
    copy = save('copy/epoch_1.pth', 10)
    assert read_pointer(str(tmp_path / 'copy')) == copy
    assert read_pointer(str(tmp_path)) is None


def test_kinds_are_kept_apart_and_each_begins_with_the_newest(tmp_path):
    for name in ('epoch_2.pth', 'epoch_10.pth', 'iter_7.pth', 'best_x_epoch_3.pth', 'epoch_.pth', 'epoch_4.pth.part'):
        (tmp_path / name).write_text('')
    assert [[os.path.basename(path) for path in kind] for kind in numbered_checkpoints(str(tmp_path))] == [
        ['epoch_10.pth', 'epoch_2.pth'],
        ['iter_7.pth'],
    ]


@pytest.mark.parametrize(
    'content',
    [
        torch.zeros(2),
        dict(weight=torch.zeros(2)),
        dict(state_dict={}, meta=dict(epoch=1)),
        dict(state_dict={}, meta=None),
        dict(state_dict=None, meta=dict(epoch=1, iter=2)),
        dict(state_dict={}, meta=dict(epoch=1, iter='2')),
    ],
)
def test_weights_alone_are_nothing_to_go_on_from(tmp_path, content):
    torch.save(content, tmp_path / 'epoch_1.pth')
    with pytest.raises(CheckpointError, match='epoch_1.pth .*--init-from'):
        iterations_in(str(tmp_path / 'epoch_1.pth'))
