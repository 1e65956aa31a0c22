"""auxSKD in plain PyTorch, without a runner, a config or a hook, on a folder of videos or on generated ones.

python examples/plain_pytorch.py --videos MY_FOLDER --epochs 20 --out backbone.pth
"""

import argparse
from pathlib import Path

import torch
from mmaction.datasets.transforms import Flip, RandomCrop, Resize
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from videossl.datasets import (
    DecodeClips,
    EachClip,
    PackClips,
    SampleSegmentPace,
    VideoDataset,
    VideoReaderInit,
    write_moving_shapes,
)
from videossl.engine import DrawSampler
from videossl.models import R3D, MemoryBank, MomentumPretrainer, PredictorNeck, ProjectionNeck, SimilarityDistillHead


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--videos', type=Path, help='default: 64 generated ones in ./moving_shapes')
    parser.add_argument('--epochs', type=int, default=20)
    parser.add_argument('--batch-size', type=int, default=8)
    parser.add_argument('--width', type=int, default=64, help='channels of the first stage')
    parser.add_argument('--out', type=Path, default=Path('backbone.pth'))
    args = parser.parse_args()
    torch.manual_seed(0)

    dataset = VideoDataset(
        data_root=str(args.videos or write_moving_shapes('moving_shapes', num_train=64, num_test=0)),
        pipeline=[
            VideoReaderInit(),
            SampleSegmentPace(clip_len=16, num_segments=4, num_speeds=4, num_views=2),
            DecodeClips(),
            EachClip([Resize(scale=(-1, 72)), RandomCrop(size=64), Flip(flip_ratio=0.5)]),
            PackClips(),
        ],
    )
    loader = DataLoader(
        dataset,
        args.batch_size,
        sampler=DrawSampler(dataset, seed=0),
        num_workers=2,
        drop_last=True,
        collate_fn=pseudo_collate,
    )
    model = MomentumPretrainer(
        backbone=R3D(depth=10, base_channels=args.width),
        necks=dict(projection=ProjectionNeck(8 * args.width, 128)),
        predictors=dict(projection=PredictorNeck(128, 1024, 128)),
        memory_bank=MemoryBank(size=len(dataset), dim=128),
        heads=dict(distill=SimilarityDistillHead()),
    ).to('cuda' if torch.cuda.is_available() else 'cpu')
    model.start_teacher()
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trainable, lr=1e-3, momentum=0.9, weight_decay=5e-4)

    for epoch in range(args.epochs):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
            optimizer.zero_grad()
            losses['loss_distill'].backward()
            optimizer.step()
            model.after_step(momentum=0.99)
        print(f'epoch {epoch + 1}:', ', '.join(f'{name} {value.item():.4f}' for name, value in losses.items()))
    torch.save(model.backbone.state_dict(), args.out)


if __name__ == '__main__':
    main()
