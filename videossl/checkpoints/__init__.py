"""Weights in and out: other people's checkpoints to ours, ours to clean files."""

from .export_backbone import export_backbone
from .families import FAMILIES
from .hand_off import fill_backbone, load_mapped
from .import_backbone import ImportedWeights, import_backbone
from .publish import publish_model
from .reading import read_checkpoint, read_weights
from .report import KeyReport
from .writing import weights_sha256, write_weights

__all__ = [
    'FAMILIES',
    'ImportedWeights',
    'KeyReport',
    'export_backbone',
    'fill_backbone',
    'import_backbone',
    'load_mapped',
    'publish_model',
    'read_checkpoint',
    'read_weights',
    'weights_sha256',
    'write_weights',
]
