"""The videos of an extraction: a list, a folder, paths or a data set, all as one list."""

import hashlib
import json
import os
import os.path as osp
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.config import ConfigDict
from torch import Tensor

from videossl.datasets.annotations import VIDEO_EXTENSIONS, read_annotations, scan_videos
from videossl.datasets.video_dataset import CHECKED_PATHS, VideoDataset, video_exists
from videossl.errors import ConfigError
from videossl.wrappers import innermost_dataset


@dataclass
class VideoList:
    """Videos to extract from.

    Attributes:
        files: paths to open.
        paths: paths as the list has them.
        labels: of the videos; None for a list without labels.
        name: of the list.
    """

    files: list[str]
    paths: list[str]
    labels: list[int] | None
    name: str

    def digest(self) -> str:
        """SHA-256 of absolute paths, their order and the labels."""
        entries = [[osp.abspath(file) for file in self.files], self.paths, self.labels]
        return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def list_videos(
    videos: str | os.PathLike | Sequence | dict | VideoDataset, data_root: str | os.PathLike | None = None
) -> VideoList:
    """The videos that the arguments of :func:`~videossl.apis.extract_features` name.

    Raises:
        ConfigError: there are no videos, the list or folder cannot be read, or none of the first files exists.
    """
    try:
        listed = _list_videos(videos, data_root)
    except (OSError, ValueError) as error:
        raise ConfigError(str(error)) from error
    if not listed.files:
        raise ConfigError('there are no videos to extract features from')
    if not any(video_exists(file) for file in listed.files[:CHECKED_PATHS]):
        number = min(len(listed.files), CHECKED_PATHS)
        raise ConfigError(
            f'none of the first {number} videos exists, the first being {listed.files[0]}; correct '
            'data_root (--data-root)'
        )
    return listed


def _list_videos(videos: Any, data_root: str | os.PathLike | None) -> VideoList:
    if isinstance(videos, dict):
        dataset = dict(innermost_dataset(ConfigDict(videos)))
        for key in ('type', 'pipeline', 'test_mode', 'num_classes'):
            dataset.pop(key, None)
        if data_root is not None:
            dataset['data_root'] = os.fspath(data_root)
        videos = VideoDataset(**dataset, test_mode=True)
    if isinstance(videos, VideoDataset):
        entries = [videos.get_data_info(index) for index in range(len(videos))]
        files, labels = [entry['filename'] for entry in entries], [entry.get('label') for entry in entries]
        root = videos.data_root or '.'
        name = osp.basename(videos.ann_file or osp.abspath(root))
        has_labels = all(isinstance(label, int) for label in labels)
        return VideoList(files, [osp.relpath(file, root) for file in files], labels if has_labels else None, name)
    if not isinstance(videos, (str, os.PathLike)):
        paths = [os.fspath(path) for path in videos]
        return VideoList([osp.join(data_root or '', path) for path in paths], paths, None, f'{len(paths)} videos')
    path = os.fspath(videos)
    if osp.isdir(path):
        paths = scan_videos(path)
        return VideoList([osp.join(path, name) for name in paths], paths, None, osp.basename(osp.abspath(path)))
    if path.lower().endswith(VIDEO_EXTENSIONS):
        return VideoList([osp.join(data_root or '', path)], [path], None, osp.basename(path))
    listed = read_annotations(path)
    root = osp.dirname(path) if data_root is None else os.fspath(data_root)
    paths = [name for name, _ in listed]
    known_labels = [label for _, label in listed if label is not None]
    files = [osp.join(root, name) for name in paths]
    return VideoList(files, paths, known_labels or None, osp.basename(path))


class ListedVideos(VideoDataset):
    """A :class:`VideoList` as a data set in test mode."""

    def __init__(self, listed: VideoList, pipeline: Sequence[dict]) -> None:
        self.listed = listed
        # self.listed holds the list already; a serialised copy would double it.
        super().__init__(data_root='.', pipeline=pipeline, test_mode=True, serialize_data=False)

    def load_data_list(self) -> list[dict]:
        """The files; their labels stay in the list."""
        return [dict(filename=file) for file in self.listed.files]

    def __getitem__(self, index: int) -> Tensor:
        """Views of a video, uint8 [K, 3, T, H, W]."""
        return super().__getitem__(index)['inputs']
