from .embedding_necks import PoolNeck, PredictorNeck, ProjectionNeck

__all__ = ['PoolNeck', 'PredictorNeck', 'ProjectionNeck']
