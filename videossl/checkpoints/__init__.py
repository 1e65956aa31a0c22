"""Weights in and out: other people's checkpoints to ours, ours to clean files."""

from .export_backbone import export_backbone
from .families import FAMILIES
from .import_backbone import ImportedWeights, import_backbone
from .publish import publish_model
from .weight_files import ConversionError, KeyReport, read_checkpoint, weights_sha256, write_weights

__all__ = [
    'ConversionError',
    'FAMILIES',
    'ImportedWeights',
    'KeyReport',
    'export_backbone',
    'import_backbone',
    'publish_model',
    'read_checkpoint',
    'weights_sha256',
    'write_weights',
]
