from videossl.features.clip_features import ClipFeatures
from videossl.features.protocols import PROTOCOLS, Protocol, protocol_of

from .knn import knn
from .linear_probe import PROBES, LinearProbe, linear_probe
from .report import evaluate_features, report_json, report_markdown, report_table
from .retrieval import clip_retrieval

__all__ = [
    'PROBES',
    'PROTOCOLS',
    'ClipFeatures',
    'LinearProbe',
    'Protocol',
    'clip_retrieval',
    'evaluate_features',
    'knn',
    'linear_probe',
    'protocol_of',
    'report_json',
    'report_markdown',
    'report_table',
]
