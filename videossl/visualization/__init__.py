"""Pictures: clip sheets, class activation, maps of features, retrieval sheets, confusion matrices, curves."""

from .cam import CamResult, cam_maps, means_on_masks
from .cam_pictures import draw_cam_sheet, overlay, write_cam_video
from .clip_labels import Sampling
from .clip_reader import ClipReader
from .clip_sheet import ClipSample, draw_clip_sheet, sampler_of, sampling_of, write_clip_sheets
from .confusion import count_confusions, draw_confusion_matrix
from .curves import find_runs, plot_curves, read_scalars
from .embedding_map import draw_embedding_map, embed_in_plane
from .retrieval_sheet import RetrievalRow, draw_retrieval_sheet, nearest, retrieval_rows

__all__ = [
    'CamResult',
    'ClipReader',
    'ClipSample',
    'RetrievalRow',
    'Sampling',
    'cam_maps',
    'count_confusions',
    'draw_cam_sheet',
    'draw_clip_sheet',
    'draw_confusion_matrix',
    'draw_embedding_map',
    'draw_retrieval_sheet',
    'embed_in_plane',
    'find_runs',
    'means_on_masks',
    'nearest',
    'overlay',
    'plot_curves',
    'read_scalars',
    'retrieval_rows',
    'sampler_of',
    'sampling_of',
    'write_cam_video',
    'write_clip_sheets',
]
