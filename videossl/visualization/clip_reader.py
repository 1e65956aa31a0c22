"""Clips of a video as a config's test takes them, for pictures."""

from mmengine.config import Config

from videossl.datasets.video_dataset import open_video
from videossl.features.protocols import Protocol
from videossl.registry import TRANSFORMS


class ClipReader:
    """Reads evenly spread clips of a video as the config's test would, or without one its training, cut from the middle."""

    def __init__(self, config: Config, clips: int) -> None:
        opener, *pipeline = Protocol.like(config, num_clips=clips, crops=1).pipeline()
        # Inside EachClip a crop leaves a record, which masks can follow.
        pipeline = [dict(type='EachClip', transforms=[part]) if 'Crop' in part['type'] else part for part in pipeline]
        self.opener = TRANSFORMS.build(dict(opener, _scope_='videossl'))
        self.others = [TRANSFORMS.build(dict(part, _scope_='videossl')) for part in pipeline]

    def __call__(self, filename: str) -> dict:
        """``inputs``, uint8 [clips, 3, T, H, W], and ``data_samples``."""
        results = open_video(self.opener, dict(filename=filename, start_index=0, modality='RGB'))
        for transform in self.others:
            results = transform(results)
        return results
