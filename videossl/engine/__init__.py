from .feature_loops import FeatureTestLoop
from .hooks import (FeatureEvaluationHook, HandOffHook, MemoryBankHook, MomentumTeacherHook, PlainCheckpointHook,
                    PrecisionHook, ProgressHook, WholeCheckpointHook)
from .loops import PretextTestLoop
from .optim_wrappers import TrainableOptimWrapperConstructor
from .samplers import Draw, DrawSampler

__all__ = [
    'Draw', 'DrawSampler', 'FeatureEvaluationHook', 'FeatureTestLoop', 'HandOffHook', 'MemoryBankHook',
    'MomentumTeacherHook', 'PlainCheckpointHook', 'PrecisionHook', 'PretextTestLoop', 'ProgressHook',
    'TrainableOptimWrapperConstructor', 'WholeCheckpointHook'
]
