"""Functions for other people's Python, and the commands of the tools."""

from videossl.checkpoints.load_model import init_model, load_backbone
from videossl.features.extraction import extract_features

__all__ = ['extract_features', 'init_model', 'load_backbone']
