"""Map of embeddings: the videos of a file of extracted features as points in a plane (t-SNE), coloured by class.

python tools/analysis/plot_embeddings.py features.npz --class-names classes.txt --out map.png
"""

import argparse
from pathlib import Path

from videossl.apis.user_errors import run_command
from videossl.evaluation.feature_sets import AVERAGES, checkpoint_text, unit_videos
from videossl.features.clip_features import ClipFeatures
from videossl.visualization import draw_embedding_map, embed_in_plane


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('features', help='file that videossl features wrote')
    parser.add_argument('--out', default='embeddings.png', help='picture to write; default: embeddings.png')
    parser.add_argument('--class-names', help='text file with a name a line, in the order of the labels')
    parser.add_argument('--average', choices=AVERAGES, default='features', help="how a video's views become one vector")
    parser.add_argument('--perplexity', type=float, default=30, help='about how many neighbours a point has')
    parser.add_argument('--seed', type=int, default=0, help='of the map')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    features = ClipFeatures.load(args.features)
    readable = features.readable
    points = embed_in_plane(unit_videos(features.features[readable], args.average), args.seed, args.perplexity)
    labels = None if features.labels is None else features.labels[readable]
    names = Path(args.class_names).read_text().splitlines() if args.class_names else None
    title = f't-SNE of {len(points)} videos, {features.protocol.get("split") or Path(args.features).name}'
    title += f'\n{checkpoint_text(features)}'
    if not readable.all():
        title += f'; {(~readable).sum()} could not be read and are left out'
    draw_embedding_map(points, labels, names, title).savefig(args.out, dpi=130)
    print(f'map of {len(points)} videos: {args.out}')


if __name__ == '__main__':
    run_command(main, own_errors=True)
