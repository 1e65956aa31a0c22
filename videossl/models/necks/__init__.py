from .embedding_necks import ConvPoolNeck, MapNeck, PoolNeck, PredictorNeck, ProjectionNeck

__all__ = ['ConvPoolNeck', 'MapNeck', 'PoolNeck', 'PredictorNeck', 'ProjectionNeck']
