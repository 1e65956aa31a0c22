"""What other people's Python calls, and what the tools are made of."""

from videossl.checkpoints.load_model import init_model, load_backbone
from videossl.features.extraction import extract_features

__all__ = ['extract_features', 'init_model', 'load_backbone']
