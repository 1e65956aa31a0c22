"""No test of a model that is only partly loaded."""

import pytest
import torch

from videossl.engine import WholeCheckpointHook
from videossl.errors import CheckpointError


def test_a_checkpoint_that_fills_the_model_is_taken_and_another_refused(build_runner, build_vspp, tmp_path):
    model = build_vspp()
    runner = build_runner(model, hooks=[WholeCheckpointHook()])
    weights = {name: torch.ones_like(value) for name, value in model.state_dict().items()}
    torch.save(dict(state_dict={f'module.{name}': value for name, value in weights.items()}), tmp_path / 'whole.pth')
    runner.load_checkpoint(str(tmp_path / 'whole.pth'))
    assert all((value == 1).all() for value in model.state_dict().values())

    bias = weights.pop('heads.speed.classifier.bias')
    torch.save(dict(state_dict=weights), tmp_path / 'missing.pth')
    with pytest.raises(CheckpointError, match='1 of its tensors .* heads.speed.classifier.bias missing'):
        runner.load_checkpoint(str(tmp_path / 'missing.pth'))
    weights = {name: 2 * value for name, value in weights.items()}
    torch.save(dict(state_dict=dict(weights, **{'heads.speed.classifier.bias': bias[:1]})), tmp_path / 'shape.pth')
    with pytest.raises(CheckpointError, match=r'bias \(1,\) for \(3,\)'):
        runner.load_checkpoint(str(tmp_path / 'shape.pth'))
    assert all((value == 1).all() for value in model.state_dict().values()), 'nothing was copied'
