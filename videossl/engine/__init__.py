"""Parts of mmengine's runner: hooks, loops, the sampler of draws, the constructor of the optimiser wrapper."""

from .feature_loops import FeatureTestLoop
from .hooks import (
    AdversaryHook,
    BrokenVideosHook,
    CollapseHook,
    CompileHook,
    ExactResumeHook,
    FeatureEvaluationHook,
    HandOffHook,
    LateRuntimeInfoHook,
    LossGuardHook,
    MemoryBankHook,
    MomentumTeacherHook,
    PlainCheckpointHook,
    PrecisionHook,
    ProgressHook,
    SaveAndStopHook,
    WholeCheckpointHook,
)
from .loops import PretextTestLoop
from .optim_wrappers import LayerDecayOptimWrapperConstructor, TrainableOptimWrapperConstructor
from .resumable_loops import ResumableEpochBasedTrainLoop, ResumableIterBasedTrainLoop
from .samplers import Draw, DrawSampler

__all__ = [
    'AdversaryHook',
    'BrokenVideosHook',
    'CollapseHook',
    'CompileHook',
    'Draw',
    'DrawSampler',
    'ExactResumeHook',
    'FeatureEvaluationHook',
    'FeatureTestLoop',
    'HandOffHook',
    'LateRuntimeInfoHook',
    'LayerDecayOptimWrapperConstructor',
    'LossGuardHook',
    'MemoryBankHook',
    'MomentumTeacherHook',
    'PlainCheckpointHook',
    'PrecisionHook',
    'PretextTestLoop',
    'ProgressHook',
    'ResumableEpochBasedTrainLoop',
    'ResumableIterBasedTrainLoop',
    'SaveAndStopHook',
    'TrainableOptimWrapperConstructor',
    'WholeCheckpointHook',
]
