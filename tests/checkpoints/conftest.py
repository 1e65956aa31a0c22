"""What the tests of checkpoints share."""

import pytest
import torch


@pytest.fixture
def save(tmp_path):
    """A function that writes a checkpoint file and gives its path."""

    def save(content) -> str:
        path = str(tmp_path / 'stage.pth')
        torch.save(content, path)
        return path

    return save
