"""What all tests share."""
import pytest
import torch

import videossl  # noqa: F401  (registers everything and repairs what is broken)


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny nets lose more to waiting for each other's threads than they gain: one thread is up to ten times faster."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
