"""Files that appear whole or not at all, and what a full disk leads to."""

import errno
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from videossl.checkpoints import write_weights
from videossl.checkpoints.checkpoint_files import write_pointer
from videossl.errors import UserError, WriteError
from videossl.files import remove_temporaries, whole_file


def test_file_that_fails_half_way_is_not_left_under_its_name(tmp_path):
    with pytest.raises(OSError, match='pulled out'):
        with whole_file(tmp_path / 'file') as path:
            path.write_text('half')
            raise OSError('pulled out')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('flush', [False, True])
def test_file_has_its_name_when_it_is_whole_and_not_before(flush, tmp_path):
    (tmp_path / 'file').write_text('old')
    with whole_file(tmp_path / 'file', flush) as path:
        path.write_text('new')
        assert (tmp_path / 'file').read_text() == 'old'
    assert (tmp_path / 'file').read_text() == 'new' and len(list(tmp_path.iterdir())) == 1
    with whole_file(tmp_path / 'deep' / 'er', flush) as path:
        path.write_text('')
    assert (tmp_path / 'deep' / 'er').exists()


def test_only_temporary_files_of_the_named_kind_are_removed(tmp_path):
    kept = ['.hidden', '.video.mp4.0123abcd.tmp', 'a.tmp', 'epoch_1.pth', 'last_checkpoint']
    for name in [*kept, '.epoch_2.pth.0123abcd.tmp', '.best_acc_iter_3.pth.89abcdef.tmp']:
        (tmp_path / name).write_text('')
    (tmp_path / 'below').mkdir()
    (tmp_path / 'below' / '.a.pth.0123abcd.tmp').write_text('')
    assert remove_temporaries(tmp_path, '*.pth') == ['best_acc_iter_3.pth', 'epoch_2.pth']
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, 'below'])
    assert remove_temporaries(tmp_path, '*.pth', recursive=True) == ['a.pth'] and not list(
        (tmp_path / 'below').iterdir()
    )
    assert remove_temporaries(tmp_path / 'nowhere') == []


# ------------------------------------------------------------------------------------------------------------- full disks
def fill(path: Path) -> None:
    with open(path, 'wb') as file:
        file.write(bytes(1 << 20))


def save_by_torch(path: Path) -> None:
    with open(path, 'wb') as file:  # PyTorch's writer raises an error of its own
        torch.save(torch.zeros(1 << 18), file)


def save_by_numpy(path: Path) -> None:
    with open(path, 'wb') as file:
        np.savez(file, zeros=np.zeros(1 << 18))


@pytest.fixture
def small_disk(tmp_path, mount_disk) -> Path:
    """A folder on a disk of 128 KiB of its own."""
    mount_disk(tmp_path / 'disk', '128k')
    return tmp_path / 'disk'


@pytest.mark.parametrize('write', [fill, save_by_torch, save_by_numpy])
def test_a_disk_that_fills_up_is_one_error_that_names_the_file_and_what_is_safe(write, small_disk):
    file = small_disk / 'result'
    with pytest.raises(WriteError, match=f'^{file} could not be written: No space') as error:
        with whole_file(file) as path:
            write(path)
    assert isinstance(error.value, UserError) and error.value.errno == errno.ENOSPC and not list(small_disk.iterdir())
    file.write_text('old')
    with pytest.raises(WriteError, match='before is unchanged'):
        with whole_file(file, flush=True) as path:
            write(path)
    assert file.read_text() == 'old' and len(list(small_disk.iterdir())) == 1
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value), 'it passes between processes'


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_on_a_full_disk(suffix, small_disk):
    with pytest.raises(WriteError, match=f'net{suffix} could not be written: No space left on device'):
        write_weights(small_disk / f'net{suffix}', dict(weight=torch.zeros(1 << 18)), {})
    assert not list(small_disk.iterdir())


@pytest.mark.parametrize('step', ['fsync', 'replace'])
def test_an_error_of_the_disk_at_the_last_step_is_the_same_error(step, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(errno.EDQUOT, 'Disk quota exceeded')

    write_pointer(str(tmp_path), 'epoch_1.pth')
    monkeypatch.setattr(os, step, fail)
    with pytest.raises(WriteError, match='last_checkpoint could not be written: Disk quota exceeded. What is safe'):
        write_pointer(str(tmp_path), 'epoch_2.pth', safe='What is safe')
    assert (tmp_path / 'last_checkpoint').read_text() == 'epoch_1.pth' and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_to_is_named_and_other_errors_stay_what_they_are(tmp_path):
    (tmp_path / 'file').mkdir()
    with pytest.raises(WriteError, match='file could not be written: Is a directory'):
        with whole_file(tmp_path / 'file') as path:
            path.write_text('')
    with pytest.raises(FileNotFoundError, match='nowhere'):
        with whole_file(tmp_path / 'other'):
            (tmp_path / 'nowhere').read_text()
    with pytest.raises(ValueError, match='^other$'):
        with whole_file(tmp_path / 'other'):
            raise ValueError('other')
