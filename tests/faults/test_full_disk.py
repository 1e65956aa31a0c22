"""Tools that write to a full disk end with one sentence: which file, why, and what is safe."""

import importlib.util
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from videossl.apis import extract_features, init_model
from videossl.datasets.moving_shapes import write_moving_shapes
from videossl.errors import WriteError

ROOT = Path(__file__).resolve().parents[2]
CONFIG = dict(
    default_scope='videossl',
    model=dict(
        type='Pretrainer',
        backbone=dict(type='R3D', depth=10, base_channels=4),
        heads=dict(speed=dict(type='SpeedHead', in_channels=32)),
    ),
)


@pytest.fixture
def full_disk(tmp_path, mount_disk) -> Path:
    """A folder on a disk of its own without room for a single byte, which holds the file ``old.pth``."""
    folder = tmp_path / 'disk'
    mount_disk(folder, '64k')
    (folder / 'old.pth').write_text('old')
    with pytest.raises(OSError):
        (folder / 'full').write_bytes(bytes(1 << 20))
    return folder


@pytest.fixture
def checkpoint(tmp_path) -> str:
    config = Config(CONFIG)
    weights = init_model(config, device='cpu').state_dict()
    torch.save(dict(state_dict=weights, meta=dict(cfg=config.pretty_text)), tmp_path / 'epoch_1.pth')
    return str(tmp_path / 'epoch_1.pth')


@pytest.mark.parametrize('name', ['converters/export_backbone.py', 'publish_model.py'])
def test_a_tool_names_the_file_and_leaves_the_old_one_as_it_was(name, full_disk, checkpoint):
    path = ROOT / 'tools' / name
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    with pytest.raises(WriteError) as error:
        tool.main([checkpoint, '--out', str(full_disk / 'old.pth')])
    safe = 'The file that was there before is unchanged' if 'export' in name else 'No half-written file is left'
    written = r'old\S*\.pth'  # published files are named after their content
    assert re.fullmatch(
        rf'{full_disk}/{written} could not be written: No space left on device\. {safe}; make room, and run the command again',
        str(error.value),
    )
    assert {file.name for file in full_disk.iterdir()} == {'old.pth', 'full'}
    assert (full_disk / 'old.pth').read_text() == 'old'


def test_extraction_names_the_file_and_goes_on_when_there_is_room(full_disk, tmp_path):
    videos = write_moving_shapes(tmp_path / 'videos', num_train=0, num_test=2, size=64)
    model = init_model(Config(CONFIG), device='cpu')
    settings = dict(num_clips=1, clip_len=4, size=32, num_workers=0, out=full_disk / 'features.npz')
    with pytest.raises(WriteError, match=r'features\.npz\S* could not be written: No space left on device'):
        extract_features(model, videos / 'test.txt', videos, **settings)
    (full_disk / 'full').unlink()
    assert len(extract_features(model, videos / 'test.txt', videos, **settings)) == 2
    assert (full_disk / 'features.npz').exists()
