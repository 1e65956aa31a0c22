from .classification_heads import ClipClassificationHead, SegmentHead, SpeedHead
from .similarity_distill_head import SimilarityDistillHead, similarity_distillation

__all__ = ['ClipClassificationHead', 'SegmentHead', 'SimilarityDistillHead', 'SpeedHead', 'similarity_distillation']
