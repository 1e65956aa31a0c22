"""Which precision a device gets."""

import pytest
import torch

import videossl.precision as precision_module
from videossl.precision import resolve_precision


def machine(monkeypatch, cpu: bool = False, cuda: bool = False) -> None:
    """Pretend that CPU and GPU have bf16, or have not."""
    monkeypatch.setattr(precision_module, 'cpu_has_bf16', lambda: cpu)
    monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda including_emulation=True: cuda or including_emulation)


@pytest.mark.parametrize('has_bf16', [True, False])
@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_auto_is_bf16_where_the_hardware_has_it_and_fp32_elsewhere(monkeypatch, device, has_bf16):
    machine(monkeypatch, **{device: has_bf16})
    assert resolve_precision('auto', device) == ('bf16' if has_bf16 else 'fp32')


@pytest.mark.parametrize('device', ['mps', 'npu', 'xpu'])
def test_auto_is_fp32_on_other_devices(monkeypatch, device):
    machine(monkeypatch, cpu=True, cuda=True)
    assert resolve_precision('auto', device) == 'fp32'


@pytest.mark.parametrize('precision', ['fp32', 'bf16', 'fp16'])
@pytest.mark.parametrize('device', ['cpu', 'cuda'])
def test_a_precision_that_was_asked_for_is_taken(monkeypatch, precision, device):
    machine(monkeypatch, cpu=precision == 'fp32', cuda=precision == 'fp32')
    assert resolve_precision(precision, device) == precision
