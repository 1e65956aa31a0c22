from videossl.datasets.readers import VideoReadError
from videossl.datasets.readers.opening import VideoReaderInit

from .clip_order import SampleClipOrder
from .clip_sampler import ClipLabel, ClipSampler, draw_consecutive
from .cloze import ApplyClozeOperation, SampleCloze
from .colour import RandomGray, VideoColorJitter
from .decoding import DecodeClips
from .each_clip import EachClip
from .formatting import PackClips
from .pace import SamplePace
from .parsing_maps import LoadParsingMap, LoadShapeMask
from .relative_speed import SampleRelativeSpeed
from .segment_pace import SampleSegmentPace
from .temporal_jitter import TemporalJitter
from .temporal_transform import SampleTemporalTransform
from .transformations import RotateClips, SampleTransformations

__all__ = [
    'ApplyClozeOperation',
    'ClipLabel',
    'ClipSampler',
    'DecodeClips',
    'EachClip',
    'LoadParsingMap',
    'LoadShapeMask',
    'PackClips',
    'RandomGray',
    'RotateClips',
    'SampleClipOrder',
    'SampleCloze',
    'SamplePace',
    'SampleRelativeSpeed',
    'SampleSegmentPace',
    'SampleTemporalTransform',
    'SampleTransformations',
    'TemporalJitter',
    'VideoColorJitter',
    'VideoReadError',
    'VideoReaderInit',
    'draw_consecutive',
]
