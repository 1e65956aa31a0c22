"""The sections of a report that are computed from a work folder's features, videos and checkpoints.

After a number of seconds no further picture is begun.
"""

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from videossl.checkpoints.load_model import init_model, warnings_only
from videossl.datasets.annotations import read_annotations
from videossl.datasets.transforms import VideoReadError
from videossl.engine.samplers import Draw
from videossl.evaluation.feature_sets import checkpoint_text, pair_sets, unit_videos
from videossl.features.clip_features import ClipFeatures
from videossl.registry import DATASETS
from videossl.visualization import (
    ClipReader,
    ClipSample,
    cam_maps,
    count_confusions,
    draw_cam_sheet,
    draw_clip_sheet,
    draw_confusion_matrix,
    embed_in_plane,
    nearest,
    retrieval_rows,
    sampler_of,
    sampling_of,
)
from videossl.visualization.charts import draw_map
from videossl.visualization.page import Chart, Gallery, Picture, Section, Text, Thumbnail, picture_source
from videossl.visualization.retrieval_sheet import class_name, thumbnail
from videossl.wrappers import innermost_dataset

from ..studies.reader import ALL
from .work_folder import RunFolder, WorkFolder

MOST_ON_MAP = 300  # videos; each has a thumbnail of 2 kB
FEWEST_ON_MAP = 4
QUERIES, NEIGHBOURS = 6, 5
MOST_SHEETS = 4
CAM_VIDEOS = 2
THUMBNAIL = 96  # pixels


class NotHere(Exception):
    """A section has no data. The message says how to get them."""


class Deadline:
    """The time after which no further picture is begun. One that was begun is finished.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = time.monotonic() + seconds

    def passed(self) -> bool:
        """Whether no time is left."""
        return time.monotonic() >= self.end

    def check(self) -> None:
        """Raise :class:`NotHere` if no time is left."""
        if self.passed():
            raise NotHere(f'{self.seconds:g} seconds were not enough; allow more with --seconds')


@dataclass
class FeatureSet:
    """Stored features of one checkpoint.

    Attributes:
        run: whose.
        test: of the test videos, or of whatever videos there are.
        train: of the training videos; None: they are not stored.
        why: why this checkpoint is shown.
    """

    run: RunFolder
    test: ClipFeatures
    train: ClipFeatures | None
    why: str

    @cached_property
    def class_names(self) -> list[str] | None:
        """Words by label: of ``classes.txt`` beside the videos, or the folders' names where each class has its own."""
        for root in self.run.data_roots():
            if (root / 'classes.txt').is_file():
                return (root / 'classes.txt').read_text(errors='replace').splitlines()
        if self.test.labels is None:
            return None
        folders: dict[int, set[str]] = {}
        for path, label in zip(self.test.paths, self.test.labels.tolist()):
            folders.setdefault(label, set()).add(Path(path).parent.name)
        names = [next(iter(names)) for names in folders.values()]
        if any(len(names) > 1 for names in folders.values()) or len(set(names)) < len(folders):
            return None
        return [next(iter(folders.get(label, {f'class {label}'}))) for label in range(max(folders) + 1)]


class Pictures:
    """Makes the sections of one work folder; features and thumbnails are read once.

    Args:
        work: the folder.
        deadline: for all of them.
    """

    def __init__(self, work: WorkFolder, deadline: Deadline) -> None:
        self.work = work
        self.deadline = deadline
        self.thumbnails: dict[str, str] = {}

    def builders(self) -> list[tuple[str, Callable[[], Section]]]:
        """Titles of the sections, and the functions that make them, in the order of the page."""
        return [
            ('Embedding map', self.embedding_map),
            ('Nearest neighbours', self.neighbours),
            ('Confusion matrix', self.confusion),
            ('Class activation', self.class_activation),
            ('What the sampler did', self.clip_sheets),
        ]

    # ------------------------------------------------------------------------------------------------ features

    @cached_property
    def feature_sets(self) -> list[FeatureSet]:
        """Features of the checkpoint with the best probe or kNN, and of the untrained net beside it."""
        found: list[tuple[float, RunFolder, dict[str, Path]]] = []
        for run in self.work.first_runs:
            paths: dict[str, Path] = {}
            for path in sorted([*run.folder.glob('*.npz'), *run.folder.glob('*.parquet')]):
                paths.setdefault('train' if 'train' in path.stem else 'test', path)
            if paths:
                found.append((score_of(run), run, paths))
        found.sort(key=lambda entry: -entry[0])
        untrained = [entry for entry in found if entry[1].stage.startswith('untrained_')][:1]
        trained = [entry for entry in found if entry not in untrained][:1]
        sets = []
        for score, run, paths in [*trained, *untrained]:
            why = 'the net before training' if (score, run, paths) in untrained else 'the only features here'
            if len(found) > 1 and why != 'the net before training':
                why = f'of {len(found)} checkpoints with features that with the highest accuracy of these'
            read = {
                name: self.work.notes.attempt(str(path), None, ClipFeatures.load, path) for name, path in paths.items()
            }
            test = read.get('test') or read.get('train')
            if test is not None:
                sets.append(FeatureSet(run, test, read.get('train'), why))
        return sets

    def need_features(self, both: bool = False, labels: bool = False) -> list[FeatureSet]:
        """The features.

        Args:
            both: those of training and test are needed.
            labels: both with labels.

        Raises:
            NotHere: what is needed is not stored.
        """
        self.deadline.check()
        sets = [
            entry
            for entry in self.feature_sets
            if not both or entry.train is not None and entry.test is not entry.train
        ]
        if not sets:
            raise NotHere(
                f'features of {"training and test " if both else ""}videos {"with labels " if labels else ""}are needed. '
                f'{self.how_to_extract(both)}'
            )
        if labels and (sets[0].test.labels is None or sets[0].train is None or sets[0].train.labels is None):
            raise NotHere(
                'the videos of these features have no labels. Write lists of training and test videos with a path and a '
                'label a line, and store the features of each.'
            )
        return sets

    def how_to_extract(self, both: bool = False) -> str:
        """The commands that store features where this report finds them: with ``both`` of training and test."""
        run = next((run for run in reversed(self.work.first_runs) if run.checkpoint is not None), None)
        if run is None or run.config_file is None:
            return 'videossl features makes them from a checkpoint, and there is none.'
        command = f'videossl features {shlex.quote(str(run.config_file))} {shlex.quote(str(run.checkpoint))}'
        outs = {split: shlex.quote(str(run.folder / f'features_{split}.npz')) for split in ('test', 'train')}
        if not any(map(run.video_list, outs)):
            if both:
                return (
                    'The run had a folder and no lists: write two lists of its videos, those to search for and those to '
                    'search in, and store the features of each.'
                )
            root = next(iter(run.data_roots()), 'FOLDER')
            return f'Make them with "{command} --data-root {shlex.quote(str(root))} --out {outs["test"]}".'
        lines, missing = [], []
        for split, out in outs.items():
            listed = run.video_list(split)
            if listed is None:
                videos = 'test videos' if split == 'test' else 'training videos'
                missing.append(f'the same with a list of {videos} and --out {out}')
            else:
                root, path = (shlex.quote(str(part)) for part in listed)
                lines.append(f'"{command} --data-root {root} --ann-file {path} --out {out}"')
        return f'Make them with {"; ".join([" and ".join(lines), *(missing if both else [])])}.'

    def find_video(self, run: RunFolder, path: str) -> Path | None:
        """A video of a list, in one of the folders that may hold it."""
        for root in [*run.data_roots(), Path()]:
            if (root / path).is_file():
                return root / path
        return None

    def thumbnail(self, run: RunFolder, path: str) -> str:
        """A video's middle frame as a ``data:`` address; empty where it is not there, or no time is left."""
        if path not in self.thumbnails:
            if self.deadline.passed():
                return ''
            video = self.find_video(run, path)
            self.thumbnails[path] = (
                '' if video is None else picture_source(thumbnail(str(video), THUMBNAIL), quality=70)
            )
        return self.thumbnails[path]

    def embedding_map(self) -> Section:
        """t-SNE of the stored features, with the videos under the pointer."""
        parts: list[Any] = []
        for entry in self.need_features():
            readable = np.flatnonzero(entry.test.readable)
            chosen = np.sort(np.random.default_rng(0).permutation(readable)[:MOST_ON_MAP])
            if len(chosen) < FEWEST_ON_MAP:
                continue
            self.deadline.check()
            points = embed_in_plane(unit_videos(entry.test.features[chosen]))
            paths = [entry.test.paths[place] for place in chosen]
            labels = entry.test.labels
            classes = [
                'video' if labels is None else class_name(int(labels[place]), entry.class_names) for place in chosen
            ]
            pictures = [self.thumbnail(entry.run, path) for path in paths]
            caption = (
                f'{entry.run.name} ({entry.why}): t-SNE of {len(chosen)} videos of '
                f'{entry.test.protocol.get("split") or "the list"}; {checkpoint_text(entry.test)}. Distances between far groups '
                'mean nothing.'
            )
            if len(chosen) < len(readable):
                caption += f' {len(chosen)} of {len(readable)} videos were drawn at random.'
            if not all(pictures):
                caption += f' {pictures.count("")} thumbnails are missing: the videos were not found, or time ran out.'
            alt = f'Map of {len(chosen)} videos' + ('' if labels is None else f' of {len(set(classes))} classes')
            parts.append(Chart(draw_map(entry.run.name, points, classes, paths, pictures), alt, caption))
        if not parts:
            raise NotHere(f'a map needs features of at least {FEWEST_ON_MAP} videos that can be read.')
        return Section('Embedding map', parts)

    def neighbours(self) -> Section:
        """Query videos and the training videos nearest to them."""
        entry = self.need_features(both=True)[0]
        assert entry.train is not None
        rows = retrieval_rows(entry.train, entry.test, '', entry.class_names, shown=QUERIES, k=NEIGHBOURS)
        gallery = []
        for row in rows:
            cells = [Thumbnail(self.thumbnail(entry.run, row.query), row.query, ['query', row.query_class], 'query')]
            for path, name, is_right, similarity in zip(
                row.neighbours, row.neighbour_classes, row.right, row.similarities
            ):
                answer = '' if is_right is None else 'right' if is_right else 'wrong'
                lines = [name, f'{answer}, {similarity:.3f}' if answer else f'{similarity:.3f}']
                cells.append(Thumbnail(self.thumbnail(entry.run, path), path, lines, answer))
            gallery.append([cell for cell in cells if cell.source])
        gallery = [row for row in gallery if row]
        if not gallery:
            raise NotHere('the videos of the features were not found, or time ran out (--seconds).')
        text = (
            f'{entry.run.name}: queries of the test, drawn at random, and the nearest of {len(entry.train)} training videos by '
            'cosine similarity.'
        )
        answers = [row.right[0] for row in rows if row.right[0] is not None]
        if answers:
            text += f' The nearest is right for {sum(answers)} of these {len(rows)}.'
        return Section('Nearest neighbours', [Text(text), Gallery(gallery)])

    def confusion(self) -> Section:
        """Which classes the nearest training video takes for which."""
        entry = self.need_features(both=True, labels=True)[0]
        assert entry.train is not None
        sets = pair_sets(entry.train, entry.test)
        places, _ = nearest(unit_videos(sets.gallery), unit_videos(sets.queries), 1)
        predictions = np.asarray(sets.gallery_labels)[places[:, 0]]
        labels = np.where(sets.readable, sets.query_labels, -1)
        classes = int(max(labels.max(), predictions.max())) + 1
        names = [class_name(label, entry.class_names) for label in range(classes)]
        counts, unreadable = count_confusions(labels, predictions, classes)
        figure = draw_confusion_matrix(
            counts, names, unreadable, f'{entry.run.name}: class of the nearest training video'
        )
        right = int(np.trace(counts))
        alt = f'Confusion matrix of {classes} classes: {right} of {len(labels)} right'
        caption = (
            'A test video is taken for the class of the training video that is nearest by cosine (R@1). Of a fine-tuned net: '
            'videossl test --dump predictions.pkl, then videossl confusion.'
        )
        return Section('Confusion matrix', [Picture(picture_source(figure), alt, caption)])

    # -------------------------------------------------------------------------------------- checkpoints and videos

    def class_activation(self) -> Section:
        """Where in two videos the network looks."""
        self.deadline.check()
        candidates = [run for run in self.work.first_runs if run.checkpoint is not None and run.config_file is not None]
        named = [entry.run for entry in self.feature_sets if entry.run in candidates]
        if not candidates:
            raise NotHere('a checkpoint is needed, and there is none.')
        run = named[0] if named else candidates[-1]
        config = run.load_config()
        with warnings_only():  # the section of hand-offs has them
            model = init_model(config, run.checkpoint, 'cpu')
        reader = ClipReader(config, 1)
        parts: list[Any] = []
        for path in self.some_videos(run):
            self.deadline.check()
            try:
                packed = reader(str(path))
            except VideoReadError as error:
                self.work.notes.note(str(path), error)
                continue
            sampler = sampler_of(run.dataset('train').get('pipeline') or [])
            try:
                result = cam_maps(model, packed['inputs'], 'grad-cam', sampler=sampler)
            except (ImportError, ValueError):  # no captum, or no classifier
                result = cam_maps(model, packed['inputs'], 'activation')
            clips = packed['inputs'].permute(0, 2, 3, 4, 1).numpy()
            frames = np.asarray(packed['data_samples'].frame_inds).reshape(clips.shape[:2])
            figure = draw_cam_sheet(clips, result.maps, result.shown, path.name, frame_inds=frames)
            parts.append(Picture(picture_source(figure), f'{path.name}: {result.shown[0]}', wide=True))
            if len(parts) == CAM_VIDEOS:
                break
        if not parts:
            raise NotHere(f'none of the videos of {run.name} was found, or could be read.')
        assert run.checkpoint is not None
        text = f'{run.name}, {run.checkpoint.name}. Above the frames, below them with the map. More: videossl cam.'
        return Section('Class activation', [Text(text), *parts])

    def some_videos(self, run: RunFolder) -> list[Path]:
        """Videos of its test, or else of its training, that exist."""
        found: list[Path] = []
        for entry in self.feature_sets:
            if entry.run is run:
                found += filter(None, (self.find_video(run, path) for path in entry.test.paths[: 4 * CAM_VIDEOS]))
        for loader in ('test', 'train'):
            dataset = run.dataset(loader)
            path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
            if dataset.get('ann_file') and path.is_file():
                names = [name for name, _ in read_annotations(str(path))[: 4 * CAM_VIDEOS]]
                found += filter(None, (self.find_video(run, name) for name in names))
        return list(dict.fromkeys(found))

    def clip_sheets(self) -> Section:
        """A sample of each kind of training data: frames, labels and what was altered."""
        self.deadline.check()
        parts: list[Any] = []
        shown: set[str] = set()
        # An untrained net has the samples of its method.
        for run in sorted(self.work.first_runs, key=lambda run: run.stage.startswith('untrained_')):
            pipeline = run.dataset('train').get('pipeline')
            kind = json.dumps(pipeline, sort_keys=True, default=str)
            if not pipeline or kind in shown or len(parts) == MOST_SHEETS or self.deadline.passed():
                continue
            shown.add(kind)
            picture = self.work.notes.attempt(f'{run.name}: a sample of its training', None, clip_sheet, run)
            if picture is not None:
                parts.append(picture)
        if not parts:
            raise NotHere('no run here has a config and the videos of its training.')
        text = 'One draw of each kind of training sample, as the model gets it; orange: altered by the pretext task.'
        return Section('What the sampler did', [Text(text), *parts])


def score_of(run: RunFolder) -> float:
    """Accuracy of its features by linear probe, or kNN, or retrieval; -1 where they were not evaluated."""
    results = run.evaluations.get(ALL, {})
    for name, metric in (('linear_probe', 'top1'), ('knn', 'top1'), ('retrieval', 'R@1')):
        value = (results.get(name) or {}).get(metric)
        if isinstance(value, (int, float)):
            return float(value)
    return -1.0


def clip_sheet(run: RunFolder) -> Picture:
    """The sheet of one sample of a run's training."""
    config = run.load_config()
    dataset = DATASETS.build(dict(innermost_dataset(config.train_dataloader.dataset), _scope_='videossl'))
    place = int(np.random.default_rng(0).integers(len(dataset)))
    sample = ClipSample.from_packed(dataset[Draw(place, 0, 0)])
    sampling = sampling_of(dataset.pipeline.transforms, config.get('model'))
    words = [sampling.describe_view(sample.labels, view) for view in range(len(sample.clips))]
    whole = sampling.describe_sample(sample.labels)
    alt = f'{run.name}: ' + '; '.join([*([whole] if whole else []), *words])
    return Picture(picture_source(draw_clip_sheet(sample, sampling, run.name)), alt, wide=True)
