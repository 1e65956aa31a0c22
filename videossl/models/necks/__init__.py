from .embedding_necks import MapNeck, PoolNeck, PredictorNeck, ProjectionNeck

__all__ = ['MapNeck', 'PoolNeck', 'PredictorNeck', 'ProjectionNeck']
