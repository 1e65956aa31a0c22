from .annotations import read_annotations, scan_videos
from .moving_shapes import MovingShapes, load_masks, write_moving_shapes
from .transforms import (DecodeClips, EachClip, PackClips, RandomGray, SamplePace, SampleSegmentPace, TemporalJitter,
                         VideoColorJitter, VideoReadError)
from .video_dataset import VideoDataset

__all__ = [
    'DecodeClips', 'EachClip', 'MovingShapes', 'PackClips', 'RandomGray', 'SamplePace', 'SampleSegmentPace',
    'TemporalJitter', 'VideoColorJitter', 'VideoDataset', 'VideoReadError', 'load_masks', 'read_annotations',
    'scan_videos', 'write_moving_shapes'
]
