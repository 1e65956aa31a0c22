from .backbones import C3D, R3D, R2Plus1D
from .data_preprocessor import ClipDataPreprocessor
from .hand_off import HandOffError, HandOffReport, load_backbone, load_mapped
from .heads import SegmentHead, SimilarityDistillHead, SpeedHead
from .memory_bank import MemoryBank
from .necks import PoolNeck, PredictorNeck, ProjectionNeck
from .pretrainers import MomentumPretrainer, Pretrainer

__all__ = [
    'C3D', 'ClipDataPreprocessor', 'HandOffError', 'HandOffReport', 'MemoryBank', 'MomentumPretrainer', 'PoolNeck',
    'PredictorNeck', 'Pretrainer', 'ProjectionNeck', 'R2Plus1D', 'R3D', 'SegmentHead', 'SimilarityDistillHead', 'SpeedHead',
    'load_backbone', 'load_mapped'
]
