"""What a head is handed."""

import dataclasses

import pytest
import torch

from videossl.models import Embeddings


def test_the_students_views_are_the_first_clips_unless_named():
    assert Embeddings(torch.rand(2, 3, 4)).views == [0, 1, 2]
    assert Embeddings(torch.rand(2, 2, 4), student_views=(2, 0)).views == [2, 0]


def test_a_head_cannot_change_what_the_next_head_gets():
    embeddings = Embeddings(torch.rand(2, 1, 4))
    assert embeddings.teacher is embeddings.bank is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        embeddings.student = torch.rand(1)
