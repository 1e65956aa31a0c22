"""Parts are built in videossl's scope, wherever a config of them stands."""

from pathlib import Path

import pytest
from mmengine.registry import DefaultScope
from torch import nn

import videossl.models
from videossl.models import C3D, BranchedBackbone, ClipDataPreprocessor
from videossl.models.building import build
from videossl.registry import MODELS


@pytest.fixture
def in_mmaction():
    with DefaultScope.overwrite_default_scope('mmaction'):
        yield


def test_a_bare_name_is_videossls_under_another_default_scope(in_mmaction):
    assert type(build(dict(type='C3D', base_channels=1))) is C3D
    assert isinstance(BranchedBackbone(dict(type='R3D', depth=10, base_channels=1), ['one']), BranchedBackbone)
    module = nn.Identity()
    assert build(module) is module


def test_a_blending_of_videossl_is_found_under_another_default_scope(in_mmaction):
    @MODELS.register_module(name='NoBlending', force=True)
    class NoBlending:
        pass

    assert isinstance(ClipDataPreprocessor(blending=dict(type='NoBlending')).blending, NoBlending)


def test_no_other_module_of_models_builds_by_the_registry():
    folder = Path(videossl.models.__file__).parent
    assert [path.name for path in folder.rglob('*.py') if 'MODELS.build' in path.read_text()] == ['building.py']
