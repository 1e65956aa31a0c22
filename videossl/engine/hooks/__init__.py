from .feature_evaluation_hook import FeatureEvaluationHook
from .hand_off_hook import HandOffHook
from .momentum_hooks import MemoryBankHook, MomentumTeacherHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .precision_hook import PrecisionHook
from .progress_hook import ProgressHook
from .whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'FeatureEvaluationHook', 'HandOffHook', 'MemoryBankHook', 'MomentumTeacherHook', 'PlainCheckpointHook',
    'PrecisionHook', 'ProgressHook', 'WholeCheckpointHook'
]
