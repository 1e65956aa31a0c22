from .annotations import read_annotations, scan_videos
from .moving_shapes import MovingShapes, load_masks, write_moving_shapes
from .parsing_store import ParsingStoreError
from .transforms import (
    DecodeClips,
    EachClip,
    LoadParsingMap,
    LoadShapeMask,
    PackClips,
    RandomGray,
    SampleClipOrder,
    SamplePace,
    SampleSegmentPace,
    TemporalJitter,
    VideoColorJitter,
    VideoReaderInit,
    VideoReadError,
)
from .video_dataset import VideoDataset

__all__ = [
    'DecodeClips',
    'EachClip',
    'LoadParsingMap',
    'LoadShapeMask',
    'MovingShapes',
    'PackClips',
    'ParsingStoreError',
    'RandomGray',
    'SampleClipOrder',
    'SamplePace',
    'SampleSegmentPace',
    'TemporalJitter',
    'VideoColorJitter',
    'VideoDataset',
    'VideoReadError',
    'VideoReaderInit',
    'load_masks',
    'read_annotations',
    'scan_videos',
    'write_moving_shapes',
]
