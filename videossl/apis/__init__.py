"""Functions for other people's Python, and the commands of the tools."""

from videossl.checkpoints.load_model import init_model, load_backbone
from videossl.features.extraction import extract_features

from .studies.few_labels import write_few_labels

__all__ = ['extract_features', 'init_model', 'load_backbone', 'write_few_labels']
