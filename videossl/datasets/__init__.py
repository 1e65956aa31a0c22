from .annotations import read_annotations, scan_videos
from .moving_shapes import MovingShapes, load_masks, write_moving_shapes
from .parsing_store import ParsingStoreError
from .pipelines import pipeline_steps
from .transforms import (
    ClipLabel,
    ClipSampler,
    DecodeClips,
    EachClip,
    LoadParsingMap,
    LoadShapeMask,
    PackClips,
    RandomGray,
    SampleClipOrder,
    SamplePace,
    SampleRelativeSpeed,
    SampleSegmentPace,
    TemporalJitter,
    VideoColorJitter,
    VideoReaderInit,
    VideoReadError,
    draw_consecutive,
)
from .video_dataset import VideoDataset

__all__ = [
    'ClipLabel',
    'ClipSampler',
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
    'SampleRelativeSpeed',
    'SampleSegmentPace',
    'TemporalJitter',
    'VideoColorJitter',
    'VideoDataset',
    'VideoReadError',
    'VideoReaderInit',
    'draw_consecutive',
    'load_masks',
    'pipeline_steps',
    'read_annotations',
    'scan_videos',
    'write_moving_shapes',
]
