from videossl.datasets.readers import VideoReadError
from videossl.datasets.readers.opening import VideoReaderInit

from .clip_order import SampleClipOrder
from .clip_sampler import ClipLabel, ClipSampler, draw_consecutive
from .colour import ChannelSplit, RandomGray, VideoColorJitter
from .decoding import DecodeClips
from .each_clip import EachClip
from .formatting import PackClips
from .frame_tuple import SampleFrameTuple
from .motion import LoadMotion, MotionCrop
from .pace import SamplePace
from .parsing_maps import LoadParsingMap, LoadShapeMask
from .relative_speed import SampleRelativeSpeed
from .segment_pace import SampleSegmentPace
from .temporal_jitter import TemporalJitter

__all__ = [
    'ChannelSplit',
    'ClipLabel',
    'ClipSampler',
    'DecodeClips',
    'EachClip',
    'LoadMotion',
    'LoadParsingMap',
    'LoadShapeMask',
    'MotionCrop',
    'PackClips',
    'RandomGray',
    'SampleClipOrder',
    'SampleFrameTuple',
    'SamplePace',
    'SampleRelativeSpeed',
    'SampleSegmentPace',
    'TemporalJitter',
    'VideoColorJitter',
    'VideoReadError',
    'VideoReaderInit',
    'draw_consecutive',
]
