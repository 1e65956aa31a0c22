"""What other people's Python calls, and what the tools are made of."""

from .feature_extraction import extract_features
from .inference import init_model, load_backbone

__all__ = ['extract_features', 'init_model', 'load_backbone']
