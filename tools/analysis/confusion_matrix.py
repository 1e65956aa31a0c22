"""Confusion matrix of predictions that videossl test --dump wrote.

python tools/test.py CONFIG CHECKPOINT --dump predictions.pkl
python tools/analysis/confusion_matrix.py predictions.pkl --class-names classes.txt --out confusion.png
"""

import argparse
from pathlib import Path

import numpy as np
from mmengine.fileio import load

from videossl.apis.user_errors import run_command
from videossl.visualization import count_confusions, draw_confusion_matrix


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('predictions', help='.pkl file of your own: reading a pickle file runs what is in it')
    parser.add_argument('--out', default='confusion.png', help='picture to write; default: confusion.png')
    parser.add_argument('--class-names', help='text file with a name a line, in the order of the labels')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        samples = load(args.predictions)
        is_dump = len(samples) > 0 and all(key in samples[0] for key in ('pred_score', 'gt_label'))
    except OSError:
        raise
    except Exception:  # whatever was in the file
        is_dump = False
    if not is_dump:
        raise ValueError(f'{args.predictions} holds no predictions with labels as tools/test.py --dump writes them')
    scores = np.stack([np.asarray(sample['pred_score']) for sample in samples])
    labels = np.array([int(np.asarray(sample['gt_label']).reshape(-1)[0]) for sample in samples])
    names = Path(args.class_names).read_text().splitlines() if args.class_names else None
    counts, unreadable = count_confusions(labels, scores.argmax(axis=1), scores.shape[1])
    draw_confusion_matrix(counts, names, unreadable, Path(args.predictions).name).savefig(args.out, dpi=130)
    print(f'confusion matrix of {len(samples)} videos: {args.out}')


if __name__ == '__main__':
    run_command(main, own_errors=True)
