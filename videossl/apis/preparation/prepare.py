"""From a data set as it is handed out to the lists that the configs read."""

import argparse
import os.path as osp
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import track

from videossl.datasets.annotations import VIDEO_EXTENSIONS, scan_videos
from videossl.datasets.preparation import (
    PreparationError,
    SplitFiles,
    VideoIndex,
    VideoList,
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

from .report import CHECK_FILE, Preparation, check, how_to_use, printable, report, write

SHOWN_CLASSES = 10  # names that are printed in a remark
KINETICS_SPLITS = ('train', 'val', 'test')


# --------------------------------------------------------------------------------------------------------- the data sets
def prepare_ucf101(args: argparse.Namespace) -> Preparation:
    """UCF101, all three splits."""
    files = read_ucf101(args.annotations or osp.join(args.out, 'annotations'))
    return _from_split_files(
        files,
        args,
        published.UCF101,
        published.UCF101_TOTAL,
        published.UCF101_CLASSES,
        source='Soomro, Zamir and Shah (2012), the official split files',
        fold_case=True,
    )


def prepare_hmdb51(args: argparse.Namespace) -> Preparation:
    """HMDB51, all three splits."""
    files = read_hmdb51(args.annotations or osp.join(args.out, 'annotations'))
    return _from_split_files(
        files,
        args,
        published.HMDB51,
        published.HMDB51_TOTAL,
        published.HMDB51_CLASSES,
        source='Kuehne et al. (2011), the official split files',
    )


def prepare_something_v1(args: argparse.Namespace) -> Preparation:
    """Something-Something version 1, whose frames were made into videos."""
    files = read_something_v1(args.annotations or osp.join(args.out, 'annotations'))
    if not args.no_videos:
        check_no_frame_folders(args.videos or osp.join(args.out, 'videos'))
    return _from_split_files(
        files,
        args,
        {},
        published.SOMETHING_V1_TOTAL,
        published.SOMETHING_CLASSES,
        source='Goyal et al. (2017)',
        has_class_folders=False,
    )


def prepare_something_v2(args: argparse.Namespace) -> Preparation:
    """Something-Something version 2."""
    files = read_something_v2(args.annotations or osp.join(args.out, 'annotations'))
    return _from_split_files(
        files,
        args,
        published.SOMETHING_V2,
        published.SOMETHING_V2_TOTAL,
        published.SOMETHING_CLASSES,
        source="the data set's page",
        has_class_folders=False,
    )


def _from_split_files(
    files: SplitFiles,
    args: argparse.Namespace,
    counts: dict[str, int],
    total: int,
    num_classes: int,
    source: str,
    fold_case: bool = False,
    has_class_folders: bool = True,
) -> Preparation:
    folder = args.videos or osp.join(args.out, 'videos')
    index = None
    if not args.no_videos:
        index = VideoIndex(find_videos(folder), files.classes if has_class_folders else (), fold_case)
    lists = locate(files, index, folder, counts, has_class_folders)
    remarks = [
        f'the split files name {files.total:,} videos of {len(files.classes)} classes; published: {total:,} of '
        f'{num_classes}'
    ]
    if index is not None:
        remarks += _about_several(index)
    return Preparation(
        lists, files.classes, remarks, source, {made.name: 'videos' for made in lists}, index is not None
    )


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
        sizes = file_sizes(train.folder, [path for path, _ in train.videos])
        classes = kinetics100.smallest_classes(kinetics100.total_sizes(train.videos, sizes))
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
    other_classes: set[str] = field(default_factory=set)  # that the CSV file has, whether videos are there or not


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
            found[split] = _KineticsSplit(folder, videos_by_folder(paths, f'name the CSV file with --{split}-csv'))
            continue
        clips = read_kinetics_csv(csv_file, split, needs_labels=split != 'test')
        classes = {clip.class_name for clip in clips} - {None}
        index = None if paths is None else VideoIndex(paths, classes)
        matched = match_clips(clips, index)
        found[split] = _KineticsSplit(folder, matched.videos, matched.missing, classes)
        if matched.repeated:
            verb = 'row repeats' if matched.repeated == 1 else 'rows repeat'
            remarks.append(f'{csv_file}: {matched.repeated} {verb} another one, taken once')
        if matched.contradictory:
            remarks.append(
                f'{csv_file}: {len(matched.contradictory)} videos are left out, as rows give them several classes: '
                f'{_some(matched.contradictory, SHOWN_CLASSES)}'
            )
        remarks += [] if index is None else _about_several(index)
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
    looked_for: bool,
) -> Preparation:
    labels = {class_name: label for label, class_name in enumerate(classes)}
    lists, folders = [], {}
    for split, made in found.items():
        list_name = f'{name}_{split}_list_videos'
        entries = [(path, None if class_name is None else labels[class_name]) for path, class_name in made.videos]
        lists.append(VideoList(list_name, made.folder, entries, made.missing, counts.get(list_name)))
        folders[list_name] = f'videos_{split}'
        unseen = sorted(set(classes) - {class_name for _, class_name in made.videos})
        if unseen and split == 'train':
            remarks.append(
                f'{len(unseen)} {"class has" if len(unseen) == 1 else "classes have"} no training video: '
                f'{_some(unseen, SHOWN_CLASSES)}'
            )
    return Preparation(lists, classes, remarks, source, folders, looked_for)


def prepare_folder(args: argparse.Namespace) -> Preparation:
    """Any folder of videos."""
    paths = find_videos(args.videos, 'the first argument')
    if args.unlabelled:
        if args.group is not None:
            raise PreparationError('--unlabelled makes one list of all videos, so that --group has no use')
        return Preparation([VideoList('videos', args.videos, [(path, None) for path in paths])], [])
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
        lists.append(VideoList(part, args.videos, [(path, classes.index(class_name)) for path, class_name in chosen]))
        unseen = sorted(set(classes) - {class_name for _, class_name in chosen})
        if unseen:
            remarks.append(
                f'{part} has no video of {len(unseen)} classes, which are too small for it: '
                f'{_some(unseen, SHOWN_CLASSES)}'
            )
    return Preparation(lists, classes, remarks)


def parse_fractions(texts: Iterable[str]) -> dict[str, float]:
    """``['train=0.8', 'test=0.2']`` as a dict."""
    fractions = {}
    for text in texts:
        name, _, share = text.partition('=')
        try:
            share = float(share)
        except ValueError:
            raise PreparationError(f'--fractions: "{text}" is not a name and a share such as train=0.8') from None
        if name in fractions:
            raise PreparationError(f'--fractions: {name} is there twice')
        fractions[name] = share
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
    """Bytes of each file; several are looked at a time, which helps where the folder is on another machine."""
    with ThreadPoolExecutor(16) as pool:
        sizes = pool.map(lambda path: osp.getsize(osp.join(folder, path)), paths, chunksize=256)
        return dict(zip(paths, track(sizes, description='Looking at sizes', total=len(paths))))


def _about_several(index: VideoIndex) -> list[str]:
    if not index.several:
        return []
    name, paths = next(iter(index.several.items()))
    return [
        f'{len(index.several)} videos are there more than once; the first file is taken, e.g. for {name} {paths[0]} and '
        f'not {paths[1]}'
    ]


def _some(names: list[str], number: int) -> str:
    return ', '.join(names[:number]) + (f' and {len(names) - number} more' if len(names) > number else '')


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

    add('ucf101', prepare_ucf101, 'UCF101, all three splits', 'data/ucf101')
    add('hmdb51', prepare_hmdb51, 'HMDB51, all three splits', 'data/hmdb51')
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
        prepare_something_v1,
        'Something-Something version 1, after making videos of its frames',
        'data/sthv1',
    )
    add('something-v2', prepare_something_v2, 'Something-Something version 2', 'data/sthv2')
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
    """Entry point of ``tools/data/prepare.py``."""
    args = parse_args(argv)
    try:
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
    except (PreparationError, OSError) as error:  # also a full disk
        raise SystemExit(printable(str(error))) from None
    except KeyboardInterrupt:
        raise SystemExit('\nstopped; run the same command again to go on') from None


if __name__ == '__main__':
    main()
