"""A published checkpoint tests as before, holds nothing of the training, and is named after its content."""

import hashlib
import re

import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from test_export_backbone import R3D_CONFIG, momentum, save_run

from videossl.checkpoints import publish_model
from videossl.checkpoints.embedded_config import read_config_text
from videossl.errors import CheckpointError
from videossl.registry import MODELS

RECOGNIZER = dict(
    type='Recognizer3D',
    backbone=R3D_CONFIG,
    data_preprocessor=dict(type='ClipDataPreprocessor'),
    cls_head=dict(type='I3DHead', in_channels=32, num_classes=5, average_clips='prob'),
)


def test_a_published_recogniser_scores_as_before(tmp_path):
    model = save_run(tmp_path / 'epoch_20.pth', RECOGNIZER)
    path, report = publish_model(tmp_path / 'epoch_20.pth')
    assert not report.dropped
    with DefaultScope.overwrite_default_scope('videossl'):
        other = MODELS.build(dict(RECOGNIZER))
    load_checkpoint(other, str(path), strict=True)
    clips = torch.randn(1, 2, 3, 8, 32, 32)
    with torch.no_grad():
        scores = [net.eval()(clips, stage='head')[0] for net in (model, other)]
    assert torch.equal(*scores) and scores[0].std() > 0


def test_the_name_has_the_date_and_eight_digits_of_the_files_sha256(tmp_path):
    save_run(tmp_path / 'epoch_20.pth', RECOGNIZER)
    path, report = publish_model(tmp_path / 'epoch_20.pth', tmp_path / 'new' / 'r3d.pth')
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert re.fullmatch(rf'r3d_\d{{8}}-{digest[:8]}\.pth', path.name)
    assert torch.hub.HASH_REGEX.search(path.name).group(1) == digest[:8]
    assert digest in str(report)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert (
        publish_model(tmp_path / 'epoch_20.pth', tmp_path / 'new' / 'r3d.pth')[0] == path
    )  # the same content, the same name


def test_nothing_of_the_training_is_left(tmp_path):
    model = save_run(tmp_path / 'epoch_20.pth', momentum(R3D_CONFIG), resume=True, data_root='/home/someone/videos')
    path, report = publish_model(tmp_path / 'epoch_20.pth')
    content = torch.load(path, weights_only=True)
    assert set(content) == {'state_dict', 'meta'}
    assert {name.split('.')[0] for name in content['state_dict']} == {'backbone', 'necks'}
    assert {name.split('.')[0] for name in report.dropped} == {'teacher', 'memory_bank', 'predictors'}
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in content['state_dict'].items())
    assert 'hook_msgs' not in content['meta'] and content['meta']['epoch'] == 20
    assert 'someone/work' not in content['meta']['cfg']
    assert read_config_text(content['meta']['cfg'])['model']['backbone'] == R3D_CONFIG
    assert 'optimizer' in str(report) and '/home/someone/videos' in str(report)


def test_bad_input(tmp_path):
    with pytest.raises(CheckpointError, match='there is no checkpoint'):
        publish_model(tmp_path / 'none.pth')
    torch.save(dict(state_dict={'teacher.weight': torch.zeros(2)}), tmp_path / 'teacher.pth')
    with pytest.raises(CheckpointError, match='only training needs: teacher'):
        publish_model(tmp_path / 'teacher.pth')
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / 'linear.pth')
    with pytest.raises(CheckpointError, match='ends with .pth or .pt'):
        publish_model(tmp_path / 'linear.pth', tmp_path / 'out.safetensors')
