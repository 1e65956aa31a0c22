"""Necks: from a backbone's feature map to an embedding."""

from .embedding_necks import ConvPoolNeck, MapNeck, PoolNeck, PredictorNeck, ProjectionNeck

__all__ = ['ConvPoolNeck', 'MapNeck', 'PoolNeck', 'PredictorNeck', 'ProjectionNeck']
