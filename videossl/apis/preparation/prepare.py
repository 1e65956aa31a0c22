"""The command ``tools/data/prepare.py``: from a data set as it is handed out to the lists of the configs."""

import argparse
import os.path as osp
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import track

from videossl.apis.user_errors import run_command
from videossl.datasets.annotations import VIDEO_EXTENSIONS, scan_videos
from videossl.datasets.preparation import (
    PreparationError,
    PreparedList,
    SplitFiles,
    VideoIndex,
    kinetics100,
    locate,
    match_clips,
    published,
    read_hmdb51,
    read_kinetics_csv,
    read_something_v1,
    read_something_v2,
    read_ucf101,
    split_folder_tree,
    videos_by_folder,
)
from videossl.datasets.preparation.folder_tree import group_keys
from videossl.datasets.preparation.something_something import check_no_frame_folders

from .report import CHECK_FILE, Preparation, check, how_to_use, report, write

SHOWN_CLASSES = 10  # in a remark
KINETICS_SPLITS = ('train', 'val', 'test')


# --------------------------------------------------------------------------------------------------------- the data sets
@dataclass(frozen=True)
class _WithSplitFiles:
    """A data set whose lists are made from its own split files.

    Attributes:
        read: from the folder of the split files to their content.
        source: of the published counts.
        total, num_classes: published numbers.
        counts: published number of videos of each list.
        fold_case: whether upper and lower case differ between the split files and the archive.
        has_class_folders: whether videos are in class folders.
        check: raises a PreparationError for an unusable folder of videos.
    """

    read: Callable[[str], SplitFiles]
    source: str
    total: int
    num_classes: int
    counts: dict[str, int] = field(default_factory=dict)
    fold_case: bool = False
    has_class_folders: bool = True
    check: Callable[[str], None] = lambda folder: None


WITH_SPLIT_FILES = {
    'ucf101': _WithSplitFiles(
        read_ucf101,
        'Soomro, Zamir and Shah (2012), the official split files',
        published.UCF101_TOTAL,
        published.UCF101_CLASSES,
        published.UCF101,
        fold_case=True,
    ),
    'hmdb51': _WithSplitFiles(
        read_hmdb51,
        'Kuehne et al. (2011), the official split files',
        published.HMDB51_TOTAL,
        published.HMDB51_CLASSES,
        published.HMDB51,
    ),
    'something-v1': _WithSplitFiles(
        read_something_v1,
        'Goyal et al. (2017)',
        published.SOMETHING_V1_TOTAL,
        published.SOMETHING_CLASSES,
        has_class_folders=False,
        check=check_no_frame_folders,
    ),
    'something-v2': _WithSplitFiles(
        read_something_v2,
        "the data set's page",
        published.SOMETHING_V2_TOTAL,
        published.SOMETHING_CLASSES,
        published.SOMETHING_V2,
        has_class_folders=False,
    ),
}


def prepare_with_split_files(args: argparse.Namespace) -> Preparation:
    """UCF101, HMDB51 or Something-Something, all splits."""
    dataset = WITH_SPLIT_FILES[args.dataset]
    files = dataset.read(args.annotations or osp.join(args.out, 'annotations'))
    folder = args.videos or osp.join(args.out, 'videos')
    index = None
    if not args.no_videos:
        dataset.check(folder)
        index = VideoIndex(find_videos(folder), files.classes if dataset.has_class_folders else (), dataset.fold_case)
    lists = locate(files, index, folder, dataset.counts, dataset.has_class_folders)
    remarks = [
        f'the split files name {files.total:,} videos of {len(files.classes)} classes; published: {dataset.total:,} of '
        f'{dataset.num_classes}'
    ]
    if index is not None:
        remarks += _duplicates_remark(index)
    folders = {made.name: 'videos' for made in lists}
    return Preparation(lists, files.classes, remarks, dataset.source, folders, index is not None)


def prepare_kinetics400(args: argparse.Namespace) -> Preparation:
    """Kinetics-400, from class folders or CSV files."""
    found, remarks = _find_kinetics(args, args.out)
    classes = sorted(
        {class_name for made in found.values() for _, class_name in made.videos if class_name is not None}
        | {class_name for made in found.values() for class_name in made.other_classes}
    )
    if len(classes) != published.KINETICS400_CLASSES:
        remarks.append(
            f'there are {len(classes)} classes, not {published.KINETICS400_CLASSES}, so that labels are not those '
            'of other copies of Kinetics-400; fine for pretraining, which reads none'
        )
    source = "the copy that mmaction2's checkpoints were trained on; copies differ, as videos leave YouTube"
    return _kinetics_lists('kinetics400', found, classes, remarks, published.KINETICS400, source, not args.no_videos)


def prepare_kinetics100(args: argparse.Namespace) -> Preparation:
    """Kinetics-100, by the list of classes or by their size; made from Kinetics-400."""
    found, remarks = _find_kinetics(args, args.kinetics400)
    counts = {}
    if args.by == 'list':
        classes, counts = list(kinetics100.CLASSES), published.KINETICS100
    else:
        if args.no_videos:
            raise PreparationError(
                '--by size needs the videos; leave --no-videos out, or take the classes by --by list'
            )
        if 'train' not in found:
            raise PreparationError('--by size needs the training videos; name them with --train-videos')
        train = found['train']
        videos = [(path, class_name) for path, class_name in train.videos if class_name is not None]
        sizes = file_sizes(train.folder, [path for path, _ in videos])
        classes = kinetics100.smallest_classes(kinetics100.total_sizes(videos, sizes))
        gone, added = sorted(set(kinetics100.CLASSES) - set(classes)), sorted(set(classes) - set(kinetics100.CLASSES))
        remarks.append(
            f'the 100 smallest classes share {100 - len(added)} with the list of auxSKD'
            + (f'; only here: {", ".join(added)}; only in the list: {", ".join(gone)}' if added else '')
        )
    chosen = set(classes)
    for made in found.values():
        made.videos = [(path, class_name) for path, class_name in made.videos if class_name in chosen]
        made.missing = [path for path in made.missing if osp.dirname(path) in chosen]
    return _kinetics_lists('kinetics100', found, classes, remarks, counts, "auxSKD's training list", not args.no_videos)


@dataclass
class _KineticsSplit:
    folder: str
    videos: list[tuple[str, str | None]]
    missing: list[str] = field(default_factory=list)
    other_classes: set[str] = field(default_factory=set)  # of the CSV file, with or without videos


def _find_kinetics(args: argparse.Namespace, root: str) -> tuple[dict[str, _KineticsSplit], list[str]]:
    found, remarks = {}, []
    for split in KINETICS_SPLITS:
        named_folder, named_csv = getattr(args, f'{split}_videos'), getattr(args, f'{split}_csv')
        folder = named_folder or osp.join(root, f'videos_{split}')
        usual_csv = osp.join(root, 'annotations', f'kinetics_{split}.csv')
        csv_file = named_csv or (usual_csv if osp.isfile(usual_csv) else None)
        if args.no_videos and csv_file is None:
            if named_folder is not None:
                raise PreparationError(
                    f'with --no-videos the list is made from the CSV file alone; name it with --{split}-csv'
                )
            continue
        if not args.no_videos and named_folder is None and named_csv is None and not osp.isdir(folder):
            continue
        paths = None if args.no_videos else find_videos(folder, f'--{split}-videos')
        if csv_file is None:
            remedy = f'name the CSV file with --{split}-csv'
            found[split] = _KineticsSplit(folder, list(videos_by_folder(paths or [], remedy)))
            continue
        clips = read_kinetics_csv(csv_file, split, needs_labels=split != 'test')
        classes = {clip.class_name for clip in clips if clip.class_name is not None}
        index = None if paths is None else VideoIndex(paths, classes)
        matched = match_clips(clips, index)
        found[split] = _KineticsSplit(folder, matched.videos, matched.missing, classes)
        if matched.repeated:
            verb = 'row repeats' if matched.repeated == 1 else 'rows repeat'
            remarks.append(f'{csv_file}: {matched.repeated} {verb} another one, taken once')
        if matched.contradictory:
            remarks.append(
                f'{csv_file}: {len(matched.contradictory)} videos are left out, as rows give them several classes: '
                f'{_some(matched.contradictory)}'
            )
        remarks += [] if index is None else _duplicates_remark(index)
    if not found:
        what = 'CSV file' if args.no_videos else 'folder of videos'
        option = '--train-csv' if args.no_videos else '--train-videos'
        raise PreparationError(f'no {what} of Kinetics-400 was found below {root}; name it with {option}')
    return found, remarks


def _kinetics_lists(
    name: str,
    found: dict[str, _KineticsSplit],
    classes: list[str],
    remarks: list[str],
    counts: dict[str, int],
    source: str,
    searched: bool,
) -> Preparation:
    labels = {class_name: label for label, class_name in enumerate(classes)}
    lists, folders = [], {}
    for split, made in found.items():
        list_name = f'{name}_{split}_list_videos'
        entries = [(path, None if class_name is None else labels[class_name]) for path, class_name in made.videos]
        lists.append(PreparedList(list_name, made.folder, entries, made.missing, counts.get(list_name)))
        folders[list_name] = f'videos_{split}'
        unseen = sorted(set(classes) - {class_name for _, class_name in made.videos})
        if unseen and split == 'train':
            remarks.append(
                f'{len(unseen)} {"class has" if len(unseen) == 1 else "classes have"} no training video: '
                f'{_some(unseen)}'
            )
    return Preparation(lists, classes, remarks, source, folders, searched)


def prepare_folder(args: argparse.Namespace) -> Preparation:
    """Any folder of videos."""
    paths = find_videos(args.videos, 'the first argument')
    if args.unlabelled:
        if args.group is not None:
            raise PreparationError('--unlabelled makes one list of all videos, so that --group has no use')
        return Preparation([PreparedList('videos', args.videos, [(path, None) for path in paths])], [])
    videos = videos_by_folder(paths, 'put it into one, or make a list without labels: --unlabelled')
    classes = sorted({class_name for _, class_name in videos})
    groups = None if args.group is None else group_keys(paths, args.group)
    fractions = parse_fractions(args.fractions)
    parts = split_folder_tree(videos, fractions, args.seed, groups)
    remarks = [
        f'{len(videos)} videos of {len(classes)} classes'
        + ('' if groups is None else f', from {len(set(groups))} sources')
    ]
    lists = []
    for part, chosen in parts.items():
        lists.append(
            PreparedList(part, args.videos, [(path, classes.index(class_name)) for path, class_name in chosen])
        )
        unseen = sorted(set(classes) - {class_name for _, class_name in chosen})
        if unseen:
            remarks.append(f'{part} has no video of {len(unseen)} classes, which are too small for it: {_some(unseen)}')
    return Preparation(lists, classes, remarks)


def parse_fractions(texts: Iterable[str]) -> dict[str, float]:
    """``['train=0.8', 'test=0.2']`` as a dict."""
    fractions: dict[str, float] = {}
    for text in texts:
        name, _, share = text.partition('=')
        if name in fractions:
            raise PreparationError(f'--fractions: {name} is there twice')
        try:
            fractions[name] = float(share)
        except ValueError:
            raise PreparationError(f'--fractions: "{text}" is not a name and a share such as train=0.8') from None
    return fractions


# ------------------------------------------------------------------------------------------------------------- the files
def find_videos(folder: str, option: str = '--videos') -> list[str]:
    """All videos below a folder, relative to it."""
    if not osp.isdir(folder):
        hint = '' if option.startswith('the ') else '; for lists from the split files alone: --no-videos'
        raise PreparationError(f'there is no folder {folder}; name the folder of the videos with {option}{hint}')
    with Console(stderr=True).status(f'Looking for videos below {folder}'):
        try:
            return scan_videos(folder)
        except FileNotFoundError:
            raise PreparationError(
                f'there is no video below {folder} (looked for {" ".join(VIDEO_EXTENSIONS)}). Archives '
                'must be unpacked first, and single frames made into videos'
            ) from None


def file_sizes(folder: str, paths: list[str]) -> dict[str, int]:
    """Size of each file in bytes. Threads hide the latency of network file systems."""
    with ThreadPoolExecutor(16) as pool:
        sizes = pool.map(lambda path: osp.getsize(osp.join(folder, path)), paths, chunksize=256)
        return dict(zip(paths, track(sizes, description='Looking at sizes', total=len(paths))))


def _duplicates_remark(index: VideoIndex) -> list[str]:
    if not index.duplicates:
        return []
    name, paths = next(iter(index.duplicates.items()))
    return [
        f'{len(index.duplicates)} videos are there more than once; the first file is taken, e.g. for {name} {paths[0]} and '
        f'not {paths[1]}'
    ]


def _some(names: list[str]) -> str:
    more = len(names) - SHOWN_CLASSES
    return ', '.join(names[:SHOWN_CLASSES]) + (f' and {more} more' if more > 0 else '')


# ----------------------------------------------------------------------------------------------------------- the command
def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Make lists of videos, as the configs read them, from a data set as it is handed out. The archives must '
        'be unpacked already. Only the folder of the lists is written to; nothing is done to the videos.'
    )
    commands = parser.add_subparsers(dest='dataset', required=True, metavar='DATASET')

    def add(
        name: str, prepare: Callable, about: str, out: str | None, in_one_folder: bool = True
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about, description=about)
        command.set_defaults(prepare=prepare, no_videos=False)
        if out is None:
            command.add_argument('--out', required=True, help='folder for the lists')
        else:
            command.add_argument('--out', default=out, help=f'folder for the lists; default: {out}')
            command.add_argument(
                '--no-videos',
                action='store_true',
                help='make the lists from the split files alone, wherever the videos are',
            )
        if out is not None and in_one_folder:
            command.add_argument('--annotations', help='folder of the official files; default: OUT/annotations')
            command.add_argument('--videos', help='folder of the videos; default: OUT/videos')
        command.add_argument(
            '--check',
            action='store_true',
            help=f'read from each video, and name the unreadable ones; results are kept in OUT/{CHECK_FILE}',
        )
        command.add_argument('--workers', type=int, help='processes for --check; default: one per processor')
        command.add_argument('--dry-run', action='store_true', help='count and name what is missing, and write nothing')
        command.add_argument('--overwrite', action='store_true', help='replace also lists that this tool did not write')
        return command

    add('ucf101', prepare_with_split_files, 'UCF101, all three splits', 'data/ucf101')
    add('hmdb51', prepare_with_split_files, 'HMDB51, all three splits', 'data/hmdb51')
    for name, prepare in (('kinetics400', prepare_kinetics400), ('kinetics100', prepare_kinetics100)):
        command = add(
            name,
            prepare,
            'Kinetics-400, from class folders or the official CSV files'
            if name == 'kinetics400'
            else 'Kinetics-100: 100 classes of Kinetics-400',
            f'data/{name}',
            in_one_folder=False,
        )
        root = 'OUT' if name == 'kinetics400' else 'KINETICS400'
        if name == 'kinetics100':
            command.add_argument(
                '--kinetics400', default='data/kinetics400', help='folder of Kinetics-400; default: data/kinetics400'
            )
            command.add_argument(
                '--by',
                choices=['list', 'size'],
                default='list',
                help="the classes: those of auxSKD's list, or the 100 with the smallest training folders",
            )
        for split in KINETICS_SPLITS:
            command.add_argument(
                f'--{split}-videos', help=f'folder of the videos; default: {root}/videos_{split}, if there'
            )
            command.add_argument(
                f'--{split}-csv',
                help='official CSV file, for videos that are not in class folders and for '
                f'knowing what is missing; default: {root}/annotations/kinetics_{split}.csv, if there',
            )
    add(
        'something-v1',
        prepare_with_split_files,
        'Something-Something version 1, after making videos of its frames',
        'data/sthv1',
    )
    add('something-v2', prepare_with_split_files, 'Something-Something version 2', 'data/sthv2')
    command = add('folder', prepare_folder, 'any folder of class folders with videos', None)
    command.add_argument('videos', help='the folder')
    command.add_argument(
        '--fractions',
        nargs='+',
        default=['train=0.8', 'test=0.2'],
        metavar='NAME=SHARE',
        help='the lists, and their shares of each class; default: train=0.8 test=0.2',
    )
    command.add_argument('--seed', type=int, default=0, help='of the division; default: 0')
    command.add_argument(
        '--group',
        metavar='PATTERN',
        help='regular expression: videos in whose paths it matches the same '
        'text (its first bracketed part, if any) stay in one list, e.g. "_(g[0-9]+)_"',
    )
    command.add_argument('--unlabelled', action='store_true', help='one list of all videos, without labels')
    args = parser.parse_args(argv)
    if args.workers is not None and args.workers < 1:
        parser.error(f'--workers must be at least 1, got {args.workers}')
    if args.check and (args.no_videos or args.dry_run):
        parser.error(f'--check reads the videos, which {"--no-videos" if args.no_videos else "--dry-run"} forbids')
    if getattr(args, 'seed', 0) < 0:
        parser.error(f'--seed must not be negative, got {args.seed}')
    return args


def main(argv: list[str] | None = None) -> None:
    """Do what the arguments say; errors are raised as they are."""
    args = parse_args(argv)
    preparation = args.prepare(args)
    print(report(preparation))
    if not any(made.entries for made in preparation.lists):
        raise PreparationError('none of the videos is there, so no list is written; check the folder of the videos')
    for made in preparation.lists:
        if not made.entries:
            print(f'{made.name} is not written, as none of its videos is there')
    if args.dry_run:
        print(f'nothing was written to {args.out} (--dry-run)')
        return
    print(how_to_use(preparation, args.out, write(preparation, args.out, args.overwrite)))
    if args.check:
        print(check(preparation, args.out, args.workers))


def command() -> None:
    """Entry point of ``tools/data/prepare.py``."""
    run_command(main, own_errors=True, goes_on=True)


if __name__ == '__main__':
    command()
