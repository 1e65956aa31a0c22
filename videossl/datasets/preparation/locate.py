"""From the names of videos in a data set's files to the files of the videos."""

import os.path as osp
from collections import defaultdict
from collections.abc import Iterable

from .writing import PreparedList, SplitFiles


def normal_class(name: str) -> str:
    """A class's name as a folder: without quotation marks, with underscores for spaces."""
    return name.strip().replace('"', '').replace(' ', '_')


class VideoIndex:
    """The videos below a folder, by their names without ending.

    The folders above the class folder and the ending may differ from those in the data set's files: archives unpack to
    different folders, and videos are often transcoded.

    Args:
        paths: of the videos, relative to their folder.
        classes: names of all classes. A file in the folder of a class is never taken for a video of another class.
        fold_case: ignore upper and lower case. UCF101's lists say ``v_HandStandPushups_g01_c01``, its archive
            ``v_HandstandPushups_g01_c01``. Must be False where names are identifiers of YouTube.
    """

    def __init__(self, paths: Iterable[str], classes: Iterable[str] = (), fold_case: bool = False) -> None:
        self._fold = str.casefold if fold_case else str
        self._classes = {self._fold(normal_class(name)) for name in classes}
        self._by_name = defaultdict(list)
        for path in paths:
            self._by_name[self._fold(_bare_name(path))].append(path)
        #: Names with more than one file, and these files; the first one is taken.
        self.duplicates: dict[str, list[str]] = {}

    def find(self, name: str, class_name: str | None = None) -> str | None:
        """The path of a video, or None.

        Args:
            name: without folders and ending.
            class_name: a file in the folder of this class is preferred to one in no class folder.
        """
        paths = self._by_name.get(self._fold(name), [])
        if class_name is not None:
            wanted = self._fold(normal_class(class_name))
            folders = [self._fold(normal_class(osp.basename(osp.dirname(path)))) for path in paths]
            paths = [path for path, folder in zip(paths, folders) if folder == wanted] or [
                path for path, folder in zip(paths, folders) if folder not in self._classes
            ]
        paths = sorted(paths, key=lambda path: (_bare_name(path) != name, path))
        if len(paths) > 1:
            self.duplicates[name] = paths
        return paths[0] if paths else None


def _bare_name(path: str) -> str:
    return osp.splitext(osp.basename(path))[0]


def locate(
    files: SplitFiles, index: VideoIndex | None, folder: str, published: dict[str, int], has_class_folders: bool = True
) -> list[PreparedList]:
    """Lists of the existing videos.

    Args:
        files: content of the data set's files, ``Class/video.avi`` with class folders.
        index: of the existing videos. None: all videos are taken to exist, under their names in the files.
        folder: of the videos.
        published: published number of videos of each list.
        has_class_folders: whether the last folder of a name is its class.
    """
    lists = []
    for name, entries in files.splits.items():
        made = PreparedList(name, folder, [], published=published.get(name))
        for video, label in entries:
            class_name = osp.basename(osp.dirname(video)) if has_class_folders else None
            path = video if index is None else index.find(_bare_name(video), class_name)
            if path is None:
                made.missing.append(video)
            else:
                made.entries.append((path, label))
        lists.append(made)
    return lists
