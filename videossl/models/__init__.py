"""Networks: backbones, necks, heads, pretrainers, teachers, the memory bank, the data preprocessor."""

from .backbones import C3D, R3D, S3DG, VGGM, BranchedBackbone, CaffeNet, R2Plus1D, ResNet3D
from .data_preprocessor import ClipDataPreprocessor
from .embeddings import Embeddings
from .heads import (
    ConsistencyHead,
    InfoNCEHead,
    NTXentHead,
    OrderHead,
    ParsingDistillHead,
    PretextHead,
    RankingHead,
    ReconstructionHead,
    RelativeSpeedHead,
    SegmentHead,
    SimilarityDistillHead,
    SpeedHead,
    TupleHead,
)
from .memory_bank import MemoryBank
from .necks import ConvPoolNeck, MapNeck, PoolNeck, PredictorNeck, ProjectionNeck
from .pretrainers import MomentumPretrainer, Pretrainer
from .teachers import SCHP, FrozenTeacher, HuggingFaceTeacher, ModuleTeacher

__all__ = [
    'BranchedBackbone',
    'C3D',
    'CaffeNet',
    'ClipDataPreprocessor',
    'ConvPoolNeck',
    'Embeddings',
    'FrozenTeacher',
    'HuggingFaceTeacher',
    'ConsistencyHead',
    'InfoNCEHead',
    'MapNeck',
    'MemoryBank',
    'ModuleTeacher',
    'MomentumPretrainer',
    'NTXentHead',
    'OrderHead',
    'ParsingDistillHead',
    'PoolNeck',
    'PredictorNeck',
    'PretextHead',
    'Pretrainer',
    'ProjectionNeck',
    'R2Plus1D',
    'R3D',
    'ReconstructionHead',
    'RankingHead',
    'RelativeSpeedHead',
    'ResNet3D',
    'S3DG',
    'SCHP',
    'SegmentHead',
    'SimilarityDistillHead',
    'SpeedHead',
    'TupleHead',
    'VGGM',
]
