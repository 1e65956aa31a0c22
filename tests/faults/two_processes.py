"""Two processes that work together, for the fixture ``run_two_processes``. A module of its own, so that they can import it."""

import gc
import os
from collections.abc import Callable
from datetime import timedelta

import torch
from torch import distributed


def work_together(rank: int, meeting_place: str, function: Callable, *args) -> None:
    """Call ``function(rank, *args)`` in a process group of two."""
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)  # mmengine asks for it
    distributed.init_process_group(
        'gloo', init_method=f'file://{meeting_place}', rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    function(rank, *args)
    # Its nets go before the group does: where a net is the last to hold it, torch waits for gloo's threads with Python's lock in
    # hand, for which one of them may be waiting.
    gc.collect()
    distributed.barrier()  # or one ends the meeting while the other is still in it
    distributed.destroy_process_group()
