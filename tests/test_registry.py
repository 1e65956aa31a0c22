import mmaction.registry
import pytest
from mmengine.registry import Registry

import videossl.registry
from videossl.registry import HOOKS, MODELS, TRANSFORMS

PARENTS = {
    name: registry
    for name, registry in vars(mmaction.registry).items()
    if isinstance(registry, Registry) and registry.scope == 'mmaction'
}
CHILDREN = {name: registry for name, registry in vars(videossl.registry).items() if isinstance(registry, Registry)}


@pytest.mark.parametrize('name', PARENTS)
def test_every_registry_of_mmaction2_has_a_child_of_ours(name):
    children = [child for child in CHILDREN.values() if child.parent is PARENTS[name]]
    assert len(children) == 1 and children[0].scope == 'videossl'


def test_ours_find_mmaction2s_and_mmengines_types_without_a_prefix():
    assert MODELS.get('Recognizer3D').__module__.startswith('mmaction.')
    assert TRANSFORMS.get('SampleFrames').__module__.startswith('mmaction.')
    assert HOOKS.get('IterTimerHook').__module__.startswith('mmengine.')


def test_mmaction2s_registry_finds_ours_with_the_prefix_and_its_own_without():
    assert mmaction.registry.MODELS.get('videossl.C3D') is videossl.models.C3D
    assert mmaction.registry.MODELS.get('C3D') is not videossl.models.C3D
    assert MODELS.get('C3D') is videossl.models.C3D
