import mmaction.registry
from mmengine.registry import Registry

import videossl.registry
from videossl.registry import HOOKS, MODELS, TRANSFORMS, registered

PARENTS = {
    name: registry
    for name, registry in vars(mmaction.registry).items()
    if isinstance(registry, Registry) and registry.scope == 'mmaction'
}
CHILDREN = {name: registry for name, registry in vars(videossl.registry).items() if isinstance(registry, Registry)}


def test_every_registry_of_mmaction2_has_one_child_of_ours():
    scopes = {
        name: [child.scope for child in CHILDREN.values() if child.parent is parent] for name, parent in PARENTS.items()
    }
    assert scopes == dict.fromkeys(PARENTS, ['videossl'])


def test_ours_find_mmaction2s_and_mmengines_types_without_a_prefix():
    assert MODELS.get('Recognizer3D').__module__.startswith('mmaction.')
    assert TRANSFORMS.get('SampleFrames').__module__.startswith('mmaction.')
    assert HOOKS.get('IterTimerHook').__module__.startswith('mmengine.')


def test_mmaction2s_registry_finds_ours_with_the_prefix_and_its_own_without():
    assert mmaction.registry.MODELS.get('videossl.C3D') is videossl.models.C3D
    assert mmaction.registry.MODELS.get('C3D') is not videossl.models.C3D
    assert MODELS.get('C3D') is videossl.models.C3D


def test_a_name_is_looked_up_without_an_import(tmp_path, monkeypatch):
    (tmp_path / 'stranger.py').write_text(f'open({str(tmp_path / "touched")!r}, "w")\nclass Sampler: pass\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert registered(TRANSFORMS, 'stranger.Sampler') == registered(MODELS, 'os.system') == registered(MODELS, 7) == []
    assert not (tmp_path / 'touched').exists()
    assert registered(MODELS, 'C3D') == [videossl.models.C3D, MODELS.get('mmaction.C3D')]
    assert registered(MODELS, 'mmaction.C3D') == [MODELS.get('mmaction.C3D')]
