from .annotations import read_annotations, scan_videos
from .transforms import *  # noqa: F401,F403
from .video_dataset import VideoDataset

__all__ = ['VideoDataset', 'read_annotations', 'scan_videos']
