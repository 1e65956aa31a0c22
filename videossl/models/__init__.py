from .backbones import *  # noqa: F401,F403
from .data_preprocessor import ClipDataPreprocessor
from .hand_off import HandOffError, HandOffReport, load_backbone, load_mapped
from .heads import SegmentHead, SimilarityDistillHead, SpeedHead
from .memory_bank import MemoryBank
from .necks import PoolNeck, PredictorNeck, ProjectionNeck
from .pretrainers import MomentumPretrainer, Pretrainer

__all__ = [
    'ClipDataPreprocessor', 'HandOffError', 'HandOffReport', 'MemoryBank', 'MomentumPretrainer', 'PoolNeck',
    'PredictorNeck', 'Pretrainer', 'ProjectionNeck', 'SegmentHead', 'SimilarityDistillHead', 'SpeedHead',
    'load_backbone', 'load_mapped'
]
