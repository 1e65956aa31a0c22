"""What a large bank is for must not make the host wait for the device: in heads and bank no value becomes a number.

On tensors that have shapes and no values, taking a value is an error.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.nn import functional as F

from videossl.models import InfoNCEHead, MemoryBank, SimilarityDistillHead
from videossl.models.embeddings import Embeddings


@pytest.mark.parametrize('head', [SimilarityDistillHead, InfoNCEHead])
def test_a_head_takes_no_value_from_the_device(head):
    with FakeTensorMode():
        student = F.normalize(torch.randn(4, 1, 8), dim=2).requires_grad_()
        results = head().loss(Embeddings(student, torch.randn(4, 1, 8), MemoryBank(16, 8)))
        sum(value for name, value in results.items() if name.startswith('loss')).backward()
        assert student.grad.shape == student.shape
        with pytest.raises(DataDependentOutputException):
            float(results[next(iter(results))].detach())


def test_the_bank_takes_no_value_from_the_device():
    with FakeTensorMode():
        bank = MemoryBank(16, 8)
        bank.enqueue(torch.randn(5, 8))
        bank.enqueue(torch.randn(20, 8))
        with pytest.raises(DataDependentOutputException):
            int(bank.pointer)


def test_enqueueing_writes_into_the_rows_that_are_there():
    bank = MemoryBank(16, 8)
    place = bank.rows.data_ptr()
    bank.enqueue(F.normalize(torch.randn(5, 8), dim=1))
    assert bank.rows.data_ptr() == place
