"""Heads: each turns embeddings into a loss."""

from .classification_heads import ClipClassificationHead, SegmentHead, SpeedHead, TupleHead
from .consistency_head import ConsistencyHead, consistency
from .cycle_prediction_head import CyclePredictionHead, cycle_predictions
from .info_nce_head import InfoNCEHead, info_nce
from .masked_pixel_head import MaskedPixelHead
from .nt_xent_head import NTXentHead, nt_xent
from .order_head import OrderHead
from .parsing_distill_head import ParsingDistillHead, mean_iou, soft_cross_entropy
from .pretext_head import PretextHead
from .ranking_head import RankingHead, transformation_ranking
from .recognition_head import RecognitionHead
from .reconstruction_head import ReconstructionHead, motion_attention
from .regression_head import RegressionHead
from .relative_speed_head import RelativeSpeedHead, relative_speed_loss
from .similarity_distill_head import SimilarityDistillHead, similarity_distillation
from .speed_consistency_head import SpeedConsistencyHead

__all__ = [
    'ClipClassificationHead',
    'ConsistencyHead',
    'CyclePredictionHead',
    'InfoNCEHead',
    'MaskedPixelHead',
    'NTXentHead',
    'OrderHead',
    'ParsingDistillHead',
    'PretextHead',
    'RankingHead',
    'RecognitionHead',
    'ReconstructionHead',
    'RegressionHead',
    'RelativeSpeedHead',
    'SegmentHead',
    'SimilarityDistillHead',
    'SpeedConsistencyHead',
    'SpeedHead',
    'TupleHead',
    'consistency',
    'cycle_predictions',
    'info_nce',
    'mean_iou',
    'motion_attention',
    'nt_xent',
    'relative_speed_loss',
    'similarity_distillation',
    'soft_cross_entropy',
    'transformation_ranking',
]
