"""From the files that come with a data set to lists of videos. Pure functions; ``videossl.apis.preparation`` runs them."""

from . import kinetics100, published
from .checking import check_videos
from .folder_tree import split_folder_tree
from .hmdb51 import read_hmdb51
from .kinetics import KineticsClip, match_clips, read_kinetics_csv, videos_by_folder
from .locate import VideoIndex, locate
from .something_something import read_something_v1, read_something_v2
from .ucf101 import read_ucf101
from .video_list import PreparationError, SplitFiles, VideoList, write_list

__all__ = [
    'KineticsClip',
    'PreparationError',
    'SplitFiles',
    'VideoIndex',
    'VideoList',
    'check_videos',
    'kinetics100',
    'locate',
    'match_clips',
    'published',
    'read_hmdb51',
    'read_kinetics_csv',
    'read_something_v1',
    'read_something_v2',
    'read_ucf101',
    'split_folder_tree',
    'videos_by_folder',
    'write_list',
]
