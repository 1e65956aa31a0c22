"""tools/check_gpu.py: every check runs on a CPU too, small, and finds what it is there to find."""

import copy
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from videossl.apis.gpu_check import agreement as agreement_module
from videossl.apis.gpu_check import command, report
from videossl.apis.gpu_check.agreement import as_float, relative
from videossl.apis.gpu_check.ceilings import ceilings, tf32
from videossl.apis.gpu_check.curves import curves
from videossl.apis.gpu_check.feeding import feeding, worker_numbers
from videossl.apis.gpu_check.methods import FULL_SIZE, METHODS, Place, Training
from videossl.apis.gpu_check.nets import Net, build_net, measure_net, multiplications
from videossl.apis.gpu_check.resuming import resuming
from videossl.apis.gpu_check.steps import steps
from videossl.apis.gpu_check.timing import milliseconds
from videossl.apis.gpu_check.waiting import is_in_the_step, noting, waiting
from videossl.datasets.moving_shapes import write_moving_shapes

ROOT = Path(__file__).parents[2]
OF = {method.name: method for method in METHODS}


@pytest.fixture(scope='module')
def place(tmp_path_factory) -> Place:
    videos = write_moving_shapes(tmp_path_factory.mktemp('videos'), num_train=4, num_test=1, size=64, num_frames=64)
    return Place(str(videos), str(tmp_path_factory.mktemp('scratch')), 'cpu', quick=True, width=4, batch=2)


# ------------------------------------------------------------------------------------------------------------- agreement
@pytest.mark.parametrize('name', ['VSPP', 'VCOP', 'RSPNet', 'human prior', 'ISD'])
def test_a_method_agrees_with_itself_and_its_gradients_are_near_those_in_fp64(name, place):
    found = agreement_module.agreement(OF[name], place)
    assert found['ok'] and found['loss_error'] == 0 and found['loss'] > 0
    assert 0 < found['gradient_error'] == found['cpu_gradient_error'] < 1e-2
    assert found['parameters'] > 20


def test_a_device_that_computes_something_else_is_found_out(place, monkeypatch):
    true, calls = agreement_module.loss_and_gradients, []

    def wrong_at_first(model, batch):
        losses, gradients = true(model, batch)
        calls.append(model)
        if len(calls) == 1:
            gradients = {key: gradient * 1.1 for key, gradient in gradients.items()}
        return losses, gradients

    monkeypatch.setattr(agreement_module, 'loss_and_gradients', wrong_at_first)
    found = agreement_module.agreement(OF['VSPP'], place)
    assert not found['ok'] and found['gradient_error'] == pytest.approx(0.1, abs=0.01)


def test_the_relative_error_is_that_of_norms_and_nan_stays_nan():
    assert relative(torch.tensor([3.0, 0.0]), torch.tensor([0.0, 4.0])) == pytest.approx(5 / 4)
    assert torch.tensor(relative(torch.tensor([float('nan')]), torch.ones(1))).isnan()


def test_maps_of_branches_become_floats_each():
    maps = as_float(dict(one=torch.ones(1).double(), other=torch.ones(1).double()))
    assert [entry.dtype for entry in maps.values()] == [torch.float32] * 2


# ---------------------------------------------------------------------------------------------------------------- curves
def test_bf16_follows_fp32_from_the_same_weights_on_the_same_batches(place):
    found = curves(OF['VSPP'], place, 4)
    first = {precision: losses[0] for precision, losses in found['curves'].items()}
    assert {len(losses) for losses in found['curves'].values()} == {4}
    assert first['bf16'] == pytest.approx(first['fp32'], rel=0.02) and first['bf16'] != first['fp32']
    assert found['ok']


# --------------------------------------------------------------------------------------------------------------- waiting
# What an accelerator's host waits for is tested for every method in tests/configs/test_every_config.py. On a CPU, where nothing
# waits, guard and log read at once, and the masks of a set are checked one by one.
KNOWN = ('runtime_info_hook', 'late_values:read', 'collapse_hook', 'parsing_distill_head:_shares')


@pytest.mark.parametrize('name', ['human prior', 'auxSKD'])
def test_the_places_where_a_method_reads_a_value_are_found(name, place):
    found = waiting(OF[name], place, iterations=1)
    assert [where for where in found['waits'] if not any(known in where for known in KNOWN)] == []
    assert sum(count for where, count in found['waits'].items() if 'runtime_info_hook' in where) > 1


def test_who_reads_a_value_is_named():
    with noting('cpu') as found:
        _reads(torch.ones(2))
    assert isinstance(found, Counter) and sum(found.values()) == 2
    assert all('test_gpu_check:_reads' in name for name in found)
    assert is_in_the_step('videossl.models.heads.order_head:forward > torch:x')
    assert not is_in_the_step('mmengine.hooks.runtime_info_hook:after_train_iter > mmengine.logging.message_hub:x')


def _reads(values: torch.Tensor) -> None:
    float(values[0])
    values[values > 0]


# ----------------------------------------------------------------------------------------------- nets, ceilings, feeding
def test_operations_are_counted_as_by_hand():
    net = Net('one convolution', dict(type='R3D', depth=10, base_channels=4), size=16)
    counted = multiplications(replace(net, batch=2))
    total, handles = [0], []
    backbone = build_net(net, 'cpu')

    def count(module: nn.Conv3d, inputs, output) -> None:
        forward = output.numel() * module.weight[0].numel()
        total[0] += forward * (2 if module is backbone.stem.conv else 3)  # no gradient of the pixels

    for module in backbone.modules():
        if isinstance(module, nn.Conv3d):
            handles.append(module.register_forward_hook(count))
    backbone(torch.randn(1, 3, 16, 16, 16))
    assert counted * 1e9 == pytest.approx(2 * total[0], rel=1e-6)


@pytest.mark.parametrize('setting', [('fp32', False, False), ('bf16', True, False)])
def test_a_net_is_measured_in_precision_and_layout(setting):
    net = Net('R3D-10', dict(type='R3D', depth=10, base_channels=4), size=16, batch=2)
    found = measure_net(net, setting, 'cpu', dict(fp32=100.0, bf16=200.0), 1.0, 0.01)
    assert found['clips_per_second'] == pytest.approx(2 / found['ms'] * 1e3)
    assert found['share'] == pytest.approx(1e3 / found['ms'] / (200 if setting[0] == 'bf16' else 100))


def test_ceilings_are_positive_and_tf32_is_put_back():
    before = torch.backends.cudnn.allow_tf32
    with tf32(not before):
        assert torch.backends.cudnn.allow_tf32 is not before
    assert torch.backends.cudnn.allow_tf32 is before
    found = ceilings('cpu', 0.01, quick=True)
    assert set(found) == {'fp32', 'bf16', 'copy'} and min(found.values()) > 0


def test_work_is_timed_as_often_as_said_at_least():
    calls = []
    found = milliseconds(lambda: calls.append(1), 'cpu', 0, warm_up=2)
    assert len(calls) == 2 + found['runs'] and found['runs'] >= 3
    assert found['least'] <= found['median'] <= found['most']


def test_numbers_of_workers_go_up_to_the_cores():
    assert worker_numbers(1) == [0, 1]
    assert worker_numbers(6) == [0, 1, 2, 4, 6]
    assert worker_numbers(16) == [0, 1, 2, 4, 8, 16]


@pytest.mark.parametrize('ready', [False, True])
def test_feeding_gives_a_rate_for_each_number_of_workers(ready, place):
    found = feeding(FULL_SIZE[0], place, [0, 1], 0.3, 2, ready=ready)
    assert set(found) == {0, 1} and all(rate > 0 for rate in found.values())


def test_iterations_are_timed_with_all_hooks(place):
    found = steps(FULL_SIZE[0], place, 0.1)
    assert found['iterations'] >= 3 and found['samples_per_second'] == pytest.approx(2e3 / found['ms'])
    assert found['clips_per_sample'] == 1 and found['busy_ms'] is None


def test_training_goes_on_where_it_was(place):
    training = Training(OF['auxSKD'], place)
    batches = training.batches(2)
    training.begin()
    before = copy.deepcopy(training.model.state_dict())
    training.iterate(batches)
    assert training.count == len(training.losses.outputs) == 2
    after = training.model.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before if key.startswith('teacher'))
    assert training.model.memory_bank.pointer == 4


@pytest.mark.slow
def test_a_killed_training_ends_as_one_without_a_break(place):
    found = resuming(OF['auxSKD'], place)
    assert found['identical'] and found['ok'] and found['killed_after'] in ('epoch_1.pth', 'epoch_2.pth')


# ------------------------------------------------------------------------------------------------------ command and page
def test_the_page_has_a_section_for_each_check_and_names_what_failed(tmp_path, monkeypatch):
    def broken(*_) -> dict:
        raise RuntimeError('no such kernel')

    monkeypatch.setattr(command, 'METHODS', METHODS[:1])
    monkeypatch.setattr(command, 'waiting', broken)
    said = []
    found = command.check_gpu(
        str(tmp_path), 'cpu', quick=True, only=['ceilings', 'agreement', 'waiting'], say=said.append
    )
    page = (tmp_path / 'check_gpu.md').read_text()
    assert json.loads((tmp_path / 'check_gpu.json').read_text())['agreement']['VSPP']['ok'] is True
    assert '| VSPP |' in page and 'TFLOP/s' in page and 'RuntimeError: no such kernel' in page
    assert report.failures(found) == ['waiting: VSPP']
    assert any('no such kernel' in line for line in said)


def test_nothing_begins_after_the_time_is_up(tmp_path):
    found = command.check_gpu(str(tmp_path), 'cpu', only=['agreement'], minutes=0, say=lambda text: None)
    assert found['left_out'] == [method.name for method in METHODS] and found['agreement'] == {}
    assert 'No time was left for: VSPP' in (tmp_path / 'check_gpu.md').read_text()


def test_the_page_in_the_docs_is_what_its_figures_give():
    figures = json.loads((ROOT / 'docs' / 'data' / 'check_gpu_h200.json').read_text())
    assert report.markdown(figures) in (ROOT / 'docs' / 'devices.md').read_text()
    assert report.failures(figures) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_without_a_gpu_there_is_one_clear_line(tmp_path):
    ran = subprocess.run(
        [sys.executable, str(ROOT / 'tools' / 'check_gpu.py')], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 1 and len(ran.stderr.strip().splitlines()) == 1
    assert 'no GPU' in ran.stderr and '--device cpu' in ran.stderr
    assert list(tmp_path.iterdir()) == []
