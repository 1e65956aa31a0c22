"""Retrieval sheet: query videos and their nearest neighbours as thumbnails, with labels framed green where right and red
where wrong.

python tools/analysis/retrieval_sheet.py train.npz test.npz --data-root FOLDER --out retrieval.png
"""

import argparse
from pathlib import Path

from videossl.apis.user_errors import run_command
from videossl.evaluation.feature_sets import AVERAGES, checkpoint_text
from videossl.features.clip_features import ClipFeatures
from videossl.visualization import draw_retrieval_sheet, retrieval_rows


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('gallery', help='features of the training videos, from videossl features')
    parser.add_argument('queries', help='features of the test videos')
    parser.add_argument('--data-root', default='', help='folder that the paths in the files are relative to')
    parser.add_argument('--queries-shown', type=int, default=8, help='how many queries, drawn at random')
    parser.add_argument('--k', type=int, default=5, help='neighbours of each')
    parser.add_argument('--center', action='store_true', help='subtract from each set its mean')
    parser.add_argument('--average', choices=AVERAGES, default='features', help="how a video's views become one vector")
    parser.add_argument('--class-names', help='text file with a name a line, in the order of the labels')
    parser.add_argument('--seed', type=int, default=0, help='of the choice of queries')
    parser.add_argument('--out', default='retrieval.png', help='picture to write; default: retrieval.png')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    gallery, queries = ClipFeatures.load(args.gallery), ClipFeatures.load(args.queries)
    names = Path(args.class_names).read_text().splitlines() if args.class_names else None
    rows = retrieval_rows(
        gallery,
        queries,
        args.data_root,
        names,
        shown=args.queries_shown,
        k=args.k,
        average=args.average,
        center=args.center,
        seed=args.seed,
    )
    title = f'nearest of {len(gallery.paths)} videos by cosine'
    answers = [row.right[0] for row in rows if row.right[0] is not None]
    if answers:
        title += f'; the nearest one is right for {sum(answers)} of {len(rows)} queries shown'
    title += f'\n{checkpoint_text(queries)}'
    draw_retrieval_sheet(rows, title).savefig(args.out, dpi=110)
    print(f'{len(rows)} queries: {args.out}')


if __name__ == '__main__':
    run_command(main, own_errors=True)
