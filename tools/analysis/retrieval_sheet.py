"""Retrieval sheet: query videos and their nearest neighbours as thumbnails, framed green where right and red where wrong.

python tools/analysis/retrieval_sheet.py train.npz test.npz --data-root FOLDER --out retrieval.png
"""

import argparse
import os
from pathlib import Path

import numpy as np

from videossl.apis.user_errors import run_command
from videossl.evaluation.feature_sets import AVERAGES, made_with, prepare, unit_videos
from videossl.features.clip_features import ClipFeatures
from videossl.visualization import RetrievalRow, draw_retrieval_sheet, nearest


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('gallery', help='features of the training videos, from tools/extract_features.py')
    parser.add_argument('queries', help='features of the test videos')
    parser.add_argument('--data-root', default='', help='folder that the paths in the files are relative to')
    parser.add_argument('--queries-shown', type=int, default=8, help='how many queries, drawn at random')
    parser.add_argument('--k', type=int, default=5, help='neighbours of each')
    parser.add_argument('--centre', action='store_true', help='subtract from each set its mean')
    parser.add_argument('--average', choices=AVERAGES, default='features', help="how a video's views become one vector")
    parser.add_argument('--class-names', help='text file with a name a line, in the order of the labels')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of queries')
    parser.add_argument('--out', default='retrieval.png', help='picture to write; default: retrieval.png')
    return parser.parse_args(argv)


def retrieval_rows(
    gallery: ClipFeatures, queries: ClipFeatures, args: argparse.Namespace, class_names: list[str] | None
) -> list[RetrievalRow]:
    """The rows of a sheet; queries that could not be read are none."""
    sets = prepare(gallery, queries)
    paths = [path for path, readable in zip(gallery.paths, gallery.readable) if readable]
    places, similarities = nearest(
        unit_videos(sets.gallery, args.average, args.centre),
        unit_videos(sets.queries, args.average, args.centre, sets.readable),
        args.k,
    )
    candidates = np.flatnonzero(sets.readable)
    if not 1 <= args.queries_shown:
        raise ValueError(f'--queries-shown must be at least 1, got {args.queries_shown}')
    shown = np.sort(np.random.default_rng(args.seed).permutation(candidates)[: args.queries_shown])

    def name(label: int) -> str:
        return class_names[label] if class_names and 0 <= label < len(class_names) else f'class {label}'

    return [
        RetrievalRow(
            query=os.path.join(args.data_root, queries.paths[query]),
            query_class=name(sets.query_labels[query]),
            neighbours=[os.path.join(args.data_root, paths[place]) for place in places[query]],
            neighbour_classes=[name(sets.gallery_labels[place]) for place in places[query]],
            right=[bool(sets.gallery_labels[place] == sets.query_labels[query]) for place in places[query]],
            similarities=similarities[query].tolist(),
        )
        for query in shown
    ]


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    gallery, queries = ClipFeatures.load(args.gallery), ClipFeatures.load(args.queries)
    names = Path(args.class_names).read_text().splitlines() if args.class_names else None
    rows = retrieval_rows(gallery, queries, args, names)
    right = sum(row.right[0] for row in rows)
    title = f'nearest of {len(gallery.paths)} videos by cosine; the nearest one is right for {right} of {len(rows)} queries shown'
    title += f'\n{made_with(queries)}'
    draw_retrieval_sheet(rows, title).savefig(args.out, dpi=110)
    print(f'{len(rows)} queries: {args.out}')


if __name__ == '__main__':
    run_command(main, own_errors=True)
