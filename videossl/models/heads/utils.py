"""What several heads need."""

from collections.abc import Sequence

import torch
from torch import Tensor


def in_float32(tensor: Tensor) -> torch.autocast:
    """A context in which autocast is off, for similarities and losses: at a temperature of 0.02, bfloat16 similarities
    are off by 0.05 in the logits."""
    return torch.autocast(device_type=tensor.device.type, enabled=False)


def gather_labels(data_samples: Sequence, label: str, reader: str) -> Tensor:
    """Stack one label field of B data samples: int64 [B, ...].

    Raises:
        KeyError: a sample has no such label; says which head asked and what to add to the pipeline.
    """
    labels = []
    for sample in data_samples or [None]:
        if sample is None or label not in sample:
            raise KeyError(
                f'{reader} reads the label "{label}", but no transform of the pipeline wrote it. Add the '
                'sampler that draws it to the train pipeline, or remove the head from the model'
            )
        labels.append(torch.as_tensor(sample.get(label)))
    return torch.stack(labels)
