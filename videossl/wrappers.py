"""What is inside a wrapper: the model inside a distributed one, the data set inside a repeating one."""

from mmengine.config import ConfigDict
from mmengine.model import is_model_wrapper
from torch import nn


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside a distributed wrapper, or the model itself."""
    return model.module if is_model_wrapper(model) else model


def innermost_dataset(dataset: ConfigDict) -> ConfigDict:
    """The config of the data set inside wrappers such as ``RepeatDataset``."""
    while isinstance(dataset.get('dataset'), dict):
        dataset = dataset.dataset
    return dataset


def innermost_datasets(dataset) -> list:
    """The built data sets inside wrappers, which hold each video once."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    return [innermost for part in inner if part is not None for innermost in innermost_datasets(part)] or [dataset]
