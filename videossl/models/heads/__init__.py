"""Heads: each turns embeddings into a loss."""

from .classification_heads import ClipClassificationHead, SegmentHead, SpeedHead, TupleHead
from .consistency_head import ConsistencyHead, consistency
from .info_nce_head import InfoNCEHead, info_nce
from .nt_xent_head import NTXentHead, nt_xent
from .order_head import OrderHead
from .parsing_distill_head import ParsingDistillHead, mean_iou, soft_cross_entropy
from .pretext_head import PretextHead
from .ranking_head import RankingHead, transformation_ranking
from .reconstruction_head import ReconstructionHead, motion_attention
from .relative_speed_head import RelativeSpeedHead, relative_speed_loss
from .similarity_distill_head import SimilarityDistillHead, similarity_distillation

__all__ = [
    'ClipClassificationHead',
    'ConsistencyHead',
    'InfoNCEHead',
    'NTXentHead',
    'OrderHead',
    'ParsingDistillHead',
    'PretextHead',
    'ReconstructionHead',
    'RankingHead',
    'RelativeSpeedHead',
    'SegmentHead',
    'SimilarityDistillHead',
    'SpeedHead',
    'TupleHead',
    'consistency',
    'info_nce',
    'mean_iou',
    'motion_attention',
    'nt_xent',
    'relative_speed_loss',
    'similarity_distillation',
    'soft_cross_entropy',
    'transformation_ranking',
]
