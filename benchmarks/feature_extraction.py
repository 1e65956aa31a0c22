"""Videos a second of feature extraction from ten clips a video, against mmaction2's stock test pipeline and recogniser.

    python benchmarks/feature_extraction.py --videos FOLDER

Both run the same R3D-10 with the same weights, take ten clips of 16 frames of each video at the same places, resize to
171 x 128 and crop the centre of 112 x 112; both average over time and space. mmaction2: ``DecordInit`` to
``PackActionInputs`` and ``Recognizer3D.test_step`` with its ``FeatureHead``, a video at a time, in fp32 with contiguous
weights, as its configs have it. Ours: ``videossl.apis.extract_features`` with the defaults of
``tools/extract_features.py``, on the files as they are and on what ``tools/data/compact.py`` makes of them. Both have as
many loader workers as ours takes on this machine. They take turns; a ratio is that of two neighbours in time, and the
median of the ratios is printed, with the smallest and the largest, and how far the features agree (cosine).

Without ``--videos``, videos of moving texture are rendered, 340 x 256 with key frames up to 250 frames apart.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
from measuring import add_precision_argument, allocate_as_plain_scripts_do, machine, ratios, take_turns, with_spread
from mmengine.config import Config, ConfigDict
from rendered_videos import compacted, given_or_rendered
from torch.utils.data import DataLoader

from videossl.apis import extract_features, init_model
from videossl.apis.running.launch import keep_freed_memory
from videossl.compat import config_directory
from videossl.cores import share_cores
from videossl.datasets import scan_videos
from videossl.precision import resolve_precision

from mmaction.datasets import VideoDataset as StockVideoDataset  # isort: skip  # after videossl, which repairs it
from mmaction.registry import MODELS as STOCK_MODELS  # isort: skip

CONFIG = 'evaluation/features_r3d-10_16x1x1_ucf101-rgb.py'
STOCK_PIPELINE = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=16, frame_interval=1, num_clips=10, test_mode=True),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(171, 128), keep_ratio=False),
    dict(type='CenterCrop', crop_size=112),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
STOCK, RAW, COMPACTED = 'mmaction2', 'ours, raw files', 'ours, compacted files'
GOAL = 4.0
WIDTH = len(COMPACTED)


class Stock:
    """mmaction2's way from a list of videos to features [N, 10, C].

    Args:
        config: of our model.
        weights: of our backbone.
        videos: folder.
        ann_file: list.
        num_workers: of the loader.
    """

    def __init__(self, config: Config, weights: dict, videos: Path, ann_file: Path, num_workers: int) -> None:
        self.model = STOCK_MODELS.build(
            dict(
                type='mmaction.Recognizer3D',
                _scope_='mmaction',
                backbone=dict(config.model.backbone, _scope_='videossl', type='videossl.R3D'),
                cls_head=dict(type='FeatureHead', average_clips=None),
                data_preprocessor=dict(
                    type='ActionDataPreprocessor',
                    mean=[123.675, 116.28, 103.53],
                    std=[58.395, 57.12, 57.375],
                    format_shape='NCTHW',
                ),
            )
        )
        self.model.backbone.load_state_dict(weights)
        self.model.eval()
        pipeline = [dict(transform, _scope_='mmaction') for transform in STOCK_PIPELINE]
        self.dataset = StockVideoDataset(str(ann_file), pipeline, data_prefix=dict(video=str(videos)), test_mode=True)
        self.num_workers = num_workers

    @torch.no_grad()
    def __call__(self) -> np.ndarray:
        loader = DataLoader(self.dataset, batch_size=1, num_workers=self.num_workers, collate_fn=pseudo_collate)
        return np.stack([self.model.test_step(batch)[0].numpy() for batch in loader])


def pseudo_collate(samples: list[dict]) -> dict:
    """Samples side by side, as mmengine's collation of that name leaves them."""
    return {key: [sample[key] for sample in samples] for key in samples[0]}


def cosines(own: np.ndarray, other: np.ndarray) -> list[float]:
    """Between features of the same clip, after the mean of all is taken off: positive features all lie in one
    direction."""
    mean = other.reshape(-1, other.shape[-1]).mean(axis=0)
    own, other = own - mean, other - mean
    return ((own * other).sum(-1) / (np.linalg.norm(own, axis=-1) * np.linalg.norm(other, axis=-1))).flatten().tolist()


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument(
        '--videos', type=Path, help='folder of videos as they are handed out; default: some are rendered'
    )
    parser.add_argument('--runs', type=int, default=5, help='alternating runs; default: 5')
    add_precision_argument(parser)
    parser.add_argument('--quick', action='store_true', help='a narrow net and two short videos, to see that it works')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    config = Config.fromfile(Path(config_directory(), CONFIG))
    if args.quick:
        config.model.backbone.base_channels = 4
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        videos = given_or_rendered(args.videos, scratch, (2, 40) if args.quick else None)
        small = compacted(videos, scratch / 'compacted')
        names = scan_videos(str(videos))
        lists = {
            RAW: [str(videos / name) for name in names],
            COMPACTED: [str(small / name) for name in scan_videos(str(small))],
        }
        ann_file = scratch / 'list.txt'
        ann_file.write_text(''.join(f'{name} 0\n' for name in names))

        torch.manual_seed(0)
        model = init_model(config, device='cpu')
        settings = ConfigDict(num_workers=8)
        share_cores(settings, 'feature extraction')
        stock = Stock(config, model.backbone.state_dict(), videos, ann_file, settings.num_workers)
        found = {}

        def extract(name: str, num_videos: int | None = None) -> None:
            keep_freed_memory()  # as tools/extract_features.py does
            found[name] = extract_features(
                model, lists[name][:num_videos], precision=args.precision, progress=False
            ).features

        def extract_stock() -> None:
            allocate_as_plain_scripts_do()
            found[STOCK] = stock()

        rivals = {
            STOCK: lambda run: extract_stock(),
            RAW: lambda run: extract(RAW),
            COMPACTED: lambda run: extract(COMPACTED),
        }
        for name in (RAW, COMPACTED):  # code into memory, files into the page cache
            extract(name, 3)
        stock.model.test_step(pseudo_collate([stock.dataset[0]]))
        print(machine())
        print(
            f'{len(names)} videos, ten clips each; {settings.num_workers} loader workers; ours: '
            f'{resolve_precision(args.precision, "cpu")}'
        )
        spent = take_turns(rivals, args.runs)

        for name in rivals:
            clock = statistics.median(seconds for seconds, _ in spent[name])
            line = f'{name:{WIDTH}} {len(names) / clock:6.2f} videos/s'
            if name != STOCK:
                line += (
                    f'; {with_spread(ratios(spent[STOCK], spent[name]))} times {STOCK}, by processor time '
                    f'{with_spread(ratios(spent[STOCK], spent[name], 1))}; goal {GOAL:g}; cosine with its features '
                    f'{with_spread(cosines(found[name], found[STOCK]), 4)}'
                )
            print(line)


if __name__ == '__main__':
    main()
