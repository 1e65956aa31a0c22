"""The steps of a pipeline: samplers, decoding, colour, packing."""

from videossl.datasets.readers import VideoReadError
from videossl.datasets.readers.opening import VideoReaderInit

from .base import ClipLabeller
from .clip_order import SampleClipOrder
from .clip_sampler import ClipLabel, ClipSampler, draw_consecutive
from .clip_statistics import AppearanceStatistics, MotionStatistics
from .cloze import ApplyClozeOperation, SampleCloze
from .colour import ChannelSplit, RandomGray, VideoColorJitter
from .cycle import SampleCycle
from .decoding import DecodeClips
from .each_clip import EachClip
from .formatting import PackClips
from .frame_tuple import SampleFrameTuple
from .motion import LoadMotion, MotionCrop
from .pace import SamplePace
from .pace_order import SamplePaceOrder
from .parsing_maps import LoadParsingMap, LoadShapeMask
from .playback_rate import KeepTargetFrames, SamplePlaybackRate
from .relative_speed import SampleRelativeSpeed
from .segment_pace import SampleSegmentPace
from .speediness import SampleSpeediness
from .temporal_jitter import TemporalJitter
from .temporal_transform import SampleTemporalTransform
from .transformations import RotateClips, SampleTransformations
from .tube_mask import DrawTubeMask

__all__ = [
    'AppearanceStatistics',
    'ApplyClozeOperation',
    'ChannelSplit',
    'ClipLabel',
    'ClipLabeller',
    'ClipSampler',
    'DecodeClips',
    'DrawTubeMask',
    'EachClip',
    'KeepTargetFrames',
    'LoadMotion',
    'LoadParsingMap',
    'LoadShapeMask',
    'MotionCrop',
    'MotionStatistics',
    'PackClips',
    'RandomGray',
    'RotateClips',
    'SampleClipOrder',
    'SampleCloze',
    'SampleCycle',
    'SampleFrameTuple',
    'SamplePace',
    'SamplePaceOrder',
    'SamplePlaybackRate',
    'SampleRelativeSpeed',
    'SampleSegmentPace',
    'SampleTemporalTransform',
    'SampleSpeediness',
    'SampleTransformations',
    'TemporalJitter',
    'VideoColorJitter',
    'VideoReadError',
    'VideoReaderInit',
    'draw_consecutive',
]
