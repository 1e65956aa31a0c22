from .colour import RandomGray, VideoColorJitter
from .decoding import DecodeClips, VideoReadError
from .each_clip import EachClip
from .formatting import PackClips
from .pace import SamplePace
from .segment_pace import SampleSegmentPace
from .temporal_jitter import TemporalJitter

__all__ = [
    'DecodeClips', 'EachClip', 'PackClips', 'RandomGray', 'SamplePace', 'SampleSegmentPace', 'TemporalJitter',
    'VideoColorJitter', 'VideoReadError'
]
