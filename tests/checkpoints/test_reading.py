"""The one reader: plain types, checksums, and files that are no checkpoints, named for what they are."""

import argparse
import os
import zipfile

import pytest
import torch
from mmengine.runner.checkpoint import CheckpointLoader
from safetensors.torch import save_file
from torch import nn

from videossl.checkpoints import read_checkpoint, read_weights
from videossl.checkpoints.reading import split_weights
from videossl.errors import CheckpointError


@pytest.fixture
def net():
    """A function that builds a tiny net with random weights."""
    return lambda: nn.ModuleDict(dict(backbone=nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))))


@pytest.mark.parametrize('key', [None, 'state_dict', 'model', 'model_state_dict', 'model_state', 'net'])
def test_weights_are_found_where_other_peoples_code_puts_them(net, save, key):
    weights = net().state_dict()
    found, beside = split_weights(read_checkpoint(save(weights if key is None else {key: weights, 'epoch': 3})), 'it')
    assert found.keys() == weights.keys() and beside == ({} if key is None else dict(epoch=3))


def test_the_prefix_of_data_parallelism_is_left_out(net, save):
    weights = net().state_dict()
    path = save(dict(state_dict={f'module.{name}': value for name, value in weights.items()}))
    assert read_weights(path).keys() == weights.keys()


def test_arguments_of_a_run_are_read_beside_weights(net, save):
    content = read_checkpoint(save(dict(model=net().state_dict(), opt=argparse.Namespace(lr=0.1))))
    assert content['opt'].lr == 0.1


def test_mmengine_reads_files_with_this_reader(save, tmp_path):
    assert CheckpointLoader.load_checkpoint(save(dict(a=torch.ones(1))))['a'] == 1
    (tmp_path / 'cut.pth').write_bytes(b'PK\3\4')
    with pytest.raises(CheckpointError, match='cut.pth could not be read'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'cut.pth'))


@pytest.mark.parametrize(
    'content, message',
    [
        (
            b'<!DOCTYPE html><title>Google Drive - Virus scan warning</title>',
            'it is a web page \\("Google Drive - Virus scan warning"\\), saved under the name of a checkpoint',
        ),
        (b'\xef\xbb\xbf\n <html lang="en">' + b' ' * 2000, 'it is a web page, saved'),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', 'it is a web page, saved'),
        (b'hello world, this is a text', 'it is no checkpoint: no file of PyTorch'),
        (b'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'it is a pointer of Git LFS.*git lfs pull'),
    ],
)
def test_what_was_downloaded_in_place_of_a_checkpoint_is_named(content, message, tmp_path):
    (tmp_path / 'net.pth').write_bytes(content)
    with pytest.raises(CheckpointError, match=f'net.pth could not be read: {message}'):
        read_checkpoint(tmp_path / 'net.pth')


def test_a_missing_file_is_named(net, tmp_path):
    with pytest.raises(CheckpointError, match='there is no checkpoint .*nowhere.pth'):
        read_checkpoint(tmp_path / 'nowhere.pth')


@pytest.mark.parametrize('content', [b'', b'no checkpoint at all', bytes(range(256)), bytes(600)])
def test_a_file_that_is_no_checkpoint_is_named(net, tmp_path, content):
    path = tmp_path / 'broken.pth'
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='broken.pth could not be read'):
        read_weights(str(path))


@pytest.mark.parametrize('content', [dict(meta=dict(epoch=3)), dict(state_dict={}), torch.zeros(3), []])
def test_a_checkpoint_without_weights_is_named(net, save, content):
    with pytest.raises(CheckpointError, match='stage.pth has no weights in it'):
        read_weights(save(content))


class RunsACommand:
    """What an attacker would put into a checkpoint."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_checkpoint_that_would_run_a_command_is_refused_without_running_it(net, save, tmp_path):
    victim = tmp_path / 'executed'
    checkpoint = save(dict(state_dict=net().state_dict(), meta=RunsACommand(f'touch {victim}')))
    with pytest.raises(CheckpointError, match='plain types') as error:
        read_weights(checkpoint)
    assert not victim.exists()
    assert 'system' in str(error.value), 'what it asks for is named'
    assert 'weights_only' not in str(error.value) and 'safe_globals' not in str(error.value), 'and how to get it is not'


def test_reading_gives_tensors_only(save):
    assert list(read_weights(save(dict(state_dict=dict(weight=torch.zeros(1), version=3))))) == ['weight']


def test_a_safetensors_file_is_read_like_any_other(net, tmp_path):
    source, path = net(), str(tmp_path / 'net.safetensors')
    save_file(source.state_dict(), path, metadata=dict(epoch='3', text='12 {', digest='0' * 64))
    weights = read_weights(path)
    assert weights.keys() == source.state_dict().keys()
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in weights.items())
    assert read_checkpoint(path)['meta'] == dict(epoch=3, text='12 {', digest='0' * 64)


def test_a_damaged_safetensors_file_is_named(net, tmp_path):
    path = tmp_path / 'net.safetensors'
    save_file(net().state_dict(), str(path))
    os.truncate(path, path.stat().st_size - 4)
    with pytest.raises(CheckpointError, match='net.safetensors could not be read'):
        read_weights(str(path))


def test_a_flipped_bit_is_noticed_though_pytorch_would_not(net, save):
    source = net()
    path = save(source.state_dict())
    content = bytearray(open(path, 'rb').read())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo(next(name for name in archive.namelist() if '/data/0' in name)).header_offset
    lengths = [int.from_bytes(content[start + place : start + place + 2], 'little') for place in (26, 28)]
    content[start + 30 + sum(lengths) + 5] ^= 4
    open(path, 'wb').write(content)
    assert not torch.equal(torch.load(path, weights_only=True)['backbone.0.weight'], source['backbone'][0].weight)
    with pytest.raises(CheckpointError, match='stage.pth .*checksum'):
        read_weights(path)


def test_a_file_written_without_checksums_is_read(net, save):
    source = net()
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        path = save(source.state_dict())
    finally:
        torch.serialization.set_crc32_options(before)
    assert torch.equal(read_weights(path)['backbone.0.weight'], source['backbone'][0].weight)


def test_a_file_in_pytorchs_old_format_is_read(net, tmp_path):
    source, path = net(), str(tmp_path / 'old.pth')
    torch.save(source.state_dict(), path, _use_new_zipfile_serialization=False)
    assert torch.equal(read_weights(path)['backbone.0.weight'], source['backbone'][0].weight)
