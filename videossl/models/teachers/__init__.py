"""Frozen teachers: networks that label frames."""

from .class_names import find_left_right_pairs
from .frozen_teacher import FrozenTeacher
from .hugging_face import HuggingFaceTeacher
from .module_teacher import ModuleTeacher
from .schp import SCHP
from .schp_checkpoint import load_schp
from .schp_network import AugmentedCE2P

__all__ = [
    'AugmentedCE2P',
    'FrozenTeacher',
    'HuggingFaceTeacher',
    'ModuleTeacher',
    'SCHP',
    'find_left_right_pairs',
    'load_schp',
]
