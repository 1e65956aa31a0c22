"""What features are worth: retrieval, kNN, linear probes, effective rank."""

from videossl.features.clip_features import ClipFeatures
from videossl.features.protocols import PROTOCOLS, Protocol, protocol_of

from .effective_rank import effective_rank
from .knn import knn
from .linear_probe import PROBES, LinearProbe, linear_probe
from .model_evaluation import evaluate_model
from .report import evaluate_features, report_json, report_markdown, report_table
from .retrieval import clip_retrieval

__all__ = [
    'PROBES',
    'PROTOCOLS',
    'ClipFeatures',
    'LinearProbe',
    'Protocol',
    'clip_retrieval',
    'effective_rank',
    'evaluate_features',
    'evaluate_model',
    'knn',
    'linear_probe',
    'protocol_of',
    'report_json',
    'report_markdown',
    'report_table',
]
