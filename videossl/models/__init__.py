"""Networks: backbones, necks, heads, pretrainers, teachers, the memory bank, the data preprocessor."""

from .backbones import C3D, R3D, S3DG, VGGM, BranchedBackbone, CaffeNet, R2Plus1D, ResNet3D, TorchvisionR2Plus1D, ViT
from .data_preprocessor import ClipDataPreprocessor
from .embeddings import Embeddings
from .frame_dropping import FrameDropAdversary, FrameDropGenerator
from .heads import (
    ConsistencyHead,
    CyclePredictionHead,
    InfoNCEHead,
    MaskedPixelHead,
    NTXentHead,
    OrderHead,
    ParsingDistillHead,
    PretextHead,
    RankingHead,
    RecognitionHead,
    ReconstructionHead,
    RegressionHead,
    RelativeSpeedHead,
    SegmentHead,
    SimilarityDistillHead,
    SpeedConsistencyHead,
    SpeedHead,
    TupleHead,
)
from .memory_bank import MemoryBank
from .necks import ConvPoolNeck, MapNeck, PoolNeck, PredictorNeck, ProjectionNeck
from .pretrainers import MaskedPretrainer, MomentumPretrainer, Pretrainer
from .teachers import SCHP, FrozenTeacher, HuggingFaceTeacher, ModuleTeacher

__all__ = [
    'BranchedBackbone',
    'C3D',
    'CaffeNet',
    'ClipDataPreprocessor',
    'ConvPoolNeck',
    'Embeddings',
    'FrameDropAdversary',
    'FrameDropGenerator',
    'FrozenTeacher',
    'HuggingFaceTeacher',
    'ConsistencyHead',
    'CyclePredictionHead',
    'InfoNCEHead',
    'MapNeck',
    'MaskedPixelHead',
    'MaskedPretrainer',
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
    'RecognitionHead',
    'RegressionHead',
    'RelativeSpeedHead',
    'ResNet3D',
    'S3DG',
    'SCHP',
    'SegmentHead',
    'SimilarityDistillHead',
    'SpeedConsistencyHead',
    'SpeedHead',
    'TorchvisionR2Plus1D',
    'TupleHead',
    'VGGM',
    'ViT',
]
