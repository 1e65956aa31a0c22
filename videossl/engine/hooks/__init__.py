"""Hooks of training: teacher, memory bank, checkpoints, precision, guards."""

from .adversary_hook import AdversaryHook
from .broken_videos_hook import BrokenVideosHook
from .collapse_hook import CollapseHook
from .compile_hook import CompileHook
from .exact_resume_hook import ExactResumeHook
from .feature_evaluation_hook import FeatureEvaluationHook
from .hand_off_hook import HandOffHook
from .late_runtime_info_hook import LateRuntimeInfoHook
from .loss_guard_hook import LossGuardHook, TrainingStopped
from .momentum_hooks import MemoryBankHook, MomentumTeacherHook
from .plain_checkpoint_hook import PlainCheckpointHook
from .precision_hook import PrecisionHook
from .progress_hook import ProgressHook
from .save_and_stop_hook import SaveAndStopHook
from .whole_checkpoint_hook import WholeCheckpointHook

__all__ = [
    'AdversaryHook',
    'BrokenVideosHook',
    'CollapseHook',
    'CompileHook',
    'ExactResumeHook',
    'FeatureEvaluationHook',
    'HandOffHook',
    'LateRuntimeInfoHook',
    'LossGuardHook',
    'MemoryBankHook',
    'MomentumTeacherHook',
    'PlainCheckpointHook',
    'PrecisionHook',
    'ProgressHook',
    'SaveAndStopHook',
    'TrainingStopped',
    'WholeCheckpointHook',
]
