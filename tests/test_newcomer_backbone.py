"""A backbone of somebody else's, in one file outside of videossl: the file and the config that docs/extend.md shows."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from videossl.models import BranchedBackbone
from videossl.registry import MODELS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs' / 'extend.md'


@pytest.fixture(scope='module')
def folder(tmp_path_factory) -> Path:
    """A folder with the files of the page under the names in their first lines."""
    folder = tmp_path_factory.mktemp('newcomer')
    _, section = PAGE.read_text().split('\n## Add a backbone\n')
    for name, text in re.findall(r'```python\n# (\w+\.py)\n(.*?)```', section, re.DOTALL):
        (folder / name).write_text(f'# {name}\n{text}')
    return folder


@pytest.fixture(scope='module')
def mc3(folder):
    """The class, imported as a config's ``custom_imports`` would import it."""
    assert len((folder / 'mc3.py').read_text().splitlines()) < 45
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module('mc3').MC3
    finally:
        sys.path.remove(str(folder))
        MODELS.module_dict.pop('MC3')


def test_it_has_as_many_weights_as_the_paper_s_net_without_its_classifier(mc3):
    with torch.device('meta'):
        net = mc3()
    # 11,695,440 with the classifier of 400 classes.
    assert sum(parameter.numel() for parameter in net.parameters()) == 11_695_440 - 400 * 513


def test_time_keeps_its_length_and_space_is_halved_four_times(mc3):
    net = mc3(base_channels=2)
    assert net(torch.rand(2, 3, 5, 32, 48)).shape == (2, 16, 5, 2, 3)
    kernels = {
        name: module.kernel_size[0] for name, module in net.named_modules() if isinstance(module, torch.nn.Conv3d)
    }
    assert all(
        (size == 3) == name.startswith(('stem', 'stage1')) for name, size in kernels.items() if 'shortcut' not in name
    )


def test_what_all_backbones_can_do_it_can(mc3):
    net = mc3(base_channels=2, frozen_stages=0, norm_eval=True, out_indices=[1, 4])
    maps = net(torch.rand(2, 3, 4, 32, 32))
    assert [tuple(part.shape) for part in maps] == [(2, 2, 4, 16, 16), (2, 16, 4, 2, 2)]
    (maps[1].square() * torch.rand_like(maps[1])).sum().backward()
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == name.startswith('stem'), name
    branched = BranchedBackbone(dict(type='MC3', base_channels=2))
    assert branched(torch.rand(2, 3, 4, 32, 32)).shape == (2, 32, 4, 2, 2)


def test_the_config_of_the_page_trains_it(mc3, folder):
    config = Config.fromfile(str(folder / 'vspp_mc3.py'))
    config.model.backbone.base_channels = 2
    for head in config.model.heads.values():
        head.in_channels = 16
    model = MODELS.build(config.model)
    assert type(model.backbone) is mc3
    assert model(torch.rand(1, 1, 3, 4, 32, 32)).shape == (1, 16, 4, 2, 2)


def test_it_is_exported_in_a_process_of_its_own_and_imported_again(mc3, folder):
    torch.manual_seed(0)
    net = mc3(base_channels=2).eval()
    weights = {f'backbone.{name}': value for name, value in net.state_dict().items()}
    torch.save(dict(state_dict=weights), folder / 'epoch_20.pth')
    narrow = (folder / 'vspp_mc3.py').read_text().replace("type='MC3'", "type='MC3', base_channels=2")
    (folder / 'narrow.py').write_text(narrow)
    command = [sys.executable, str(ROOT / 'tools' / 'converters' / 'export_backbone.py'), 'epoch_20.pth']
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get('PYTHONPATH')])])
    result = subprocess.run(
        [*command, '--config', 'narrow.py', '--out', 'mc3.pth'],
        cwd=folder,
        env=dict(os.environ, PYTHONPATH=path, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    init_cfg = dict(type='Pretrained', checkpoint=str(folder / 'mc3.pth'))
    again = MODELS.build(dict(type='MC3', base_channels=2, init_cfg=init_cfg))
    again.init_weights()
    clips = torch.rand(1, 3, 4, 32, 32)
    assert torch.equal(again.eval()(clips), net(clips))
