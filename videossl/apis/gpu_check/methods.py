"""The methods that are checked, each a shipped config, as a training run that is driven iteration by iteration."""

import itertools
import os.path as osp
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from videossl.apis.doctor.command import leave_no_trace
from videossl.apis.doctor.measurement import endless_loader
from videossl.apis.running.launch import build_runner
from videossl.apis.running.train import config_for_training, parse_args
from videossl.compat import config_directory

WIDTH = 64  # of the stem, in every config


@dataclass(frozen=True)
class Method:
    """A method and its config.

    Args:
        name: for the report.
        config: below ``configs/``.
        options: as ``--cfg-options`` has them.
    """

    name: str
    config: str
    options: dict = field(default_factory=dict)


METHODS = (
    Method('VSPP', 'laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
    Method('VideoPace', 'laptop/video-pace_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
    Method(
        'VideoPace, same context',
        'video_pace/video-pace_r2plus1d-10_same-context_16x1x1-18e_ucf101-rgb.py',
        {'train_dataloader.drop_last': True},
    ),
    Method('VCOP', 'laptop/vcop_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
    Method('RSPNet', 'laptop/rspnet_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
    Method('human prior', 'laptop/human-prior_r3d-10_16x1x1-64px-20e_moving-shapes-rgb.py'),
    Method('auxSKD', 'laptop/aux-skd_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
    Method('auxSKD, VideoPace views', 'laptop/aux-skd_r3d-10_video-pace-views_16x1x1-64px-20e_videos-rgb.py'),
    Method('auxSKD, VCOP views', 'laptop/aux-skd_r3d-10_vcop-views_16x1x1-64px-20e_videos-rgb.py'),
    Method('auxSKD, RSPNet views', 'laptop/aux-skd_r3d-10_rspnet-views_16x1x1-64px-20e_videos-rgb.py'),
    Method('ISD', 'aux_skd/isd_r3d-10_16x1x1-20e_k100-rgb.py', {'model.memory_bank.size': 16384}),
    Method('fine-tuning', 'laptop/finetune_r3d-10_16x1x1-64px-20e_videos-rgb.py'),
)
# The sizes of the papers: 112 pixels, batches of 30, banks of 16384.
FULL_SIZE = (
    Method('VSPP, R3D-10', 'vspp/vspp_r3d-10_16x1x1-20e_k100-rgb.py'),
    Method('VSPP, R(2+1)D-10', 'vspp/vspp_r2plus1d-10_16x1x1-20e_k100-rgb.py'),
    Method('auxSKD, R3D-10', 'aux_skd/aux-skd_r3d-10_16x1x1-20e_k100-rgb.py'),
    Method('auxSKD, R(2+1)D-10', 'aux_skd/aux-skd_r2plus1d-10_16x1x1-20e_k100-rgb.py'),
    Method('RSPNet, R3D-10', 'rspnet/rspnet_r3d-10_16x1x1-200e_k100-rgb.py'),
    Method('VCOP, R3D-10', 'vcop/vcop_r3d-10_16x1x1-200e_k100-rgb.py'),
)


@dataclass(frozen=True)
class Place:
    """Size, device and folders of the checks.

    Args:
        videos: folder with ``train.txt``, of MovingShapes.
        scratch: folder for what runs write.
        device: ``'cuda'`` or ``'cpu'``.
        quick: fewer iterations.
        width: channels of the nets' stems; the configs have 64.
        batch: samples in a batch where methods are compared; the configs have 30.
        workers: of a loader.
    """

    videos: str
    scratch: str
    device: str
    quick: bool = False
    width: int = WIDTH
    batch: int = 30
    workers: int = 0


def narrow(config: Config, width: int) -> None:
    """Give a config's nets another width. Parts behind the backbone get matching channels."""

    def visit(part: object) -> None:
        if isinstance(part, dict):
            for key, value in part.items():
                if key == 'in_channels' and isinstance(value, int) and value % (8 * WIDTH) == 0:
                    part[key] = value * width // WIDTH
                visit(value)
        elif isinstance(part, (list, tuple)):
            for entry in part:
                visit(entry)

    if width == WIDTH:
        return
    visit(config.model)
    backbone = config.model.backbone
    backbone = backbone.get('backbone', backbone)
    backbone.base_channels = width
    for name, predictor in config.model.get('predictors', {}).items():
        if name == 'pooled':  # as wide as the backbone's own output
            predictor.update(hidden_channels=8 * width, out_channels=8 * width)
            config.model.memory_bank.dim = 8 * width


class Losses(Hook):
    """Keeps the logged values of each iteration, on the device."""

    def __init__(self) -> None:
        self.outputs: list[dict[str, Tensor]] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.outputs.append({name: torch.as_tensor(value).detach() for name, value in (outputs or {}).items()})


class Training:
    """A run as ``tools/train.py`` would do it, with all its hooks.

    Args:
        method: which.
        place: where.
        options: further settings, as ``--cfg-options`` has them.
        batch: samples in a batch; None: that of ``place``.
        search: let cuDNN try its algorithms out, as every config does. It takes minutes in fp32 without TF32.
    """

    def __init__(
        self, method: Method, place: Place, options: dict | None = None, batch: int | None = None, search: bool = False
    ) -> None:
        path = osp.join(config_directory(), method.config)
        args = parse_args(
            [path, '--data-root', place.videos, '--ann-file', 'train.txt', '--no-validate', '--seed', '0']
        )
        args.cfg_options = {
            'train_dataloader.batch_size': batch or place.batch,
            'train_dataloader.num_workers': place.workers,
            'env_cfg.cudnn_benchmark': search,
            **method.options,
            **(options or {}),
        }
        config = config_for_training(args)
        narrow(config, place.width)
        leave_no_trace(config, osp.join(place.scratch, uuid.uuid4().hex))
        self.runner: Runner = build_runner(config)
        self.losses = Losses()
        self.count = 0

    @property
    def model(self) -> nn.Module:
        """The net on its device; before :meth:`begin` in fp32."""
        return self.runner.model

    def batches(self, number: int) -> list[dict]:
        """Batches of the loader, pinned if the config says so."""
        loader = self.runner.train_loop.dataloader
        return list(itertools.islice(endless_loader(loader, loader.batch_size), number))

    def begin(self) -> None:
        """Do everything that training does before its first iteration."""
        loop = self.runner.train_loop
        loop._max_iters = 10**9  # which the log computes the time that is left from
        loop._run = self._begun
        self.runner.register_hook(self.losses, priority='LOWEST')
        self.runner.train()

    def _begun(self) -> nn.Module:
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        return self.runner.model

    def iterate(self, batches: Iterable[dict]) -> None:
        """Run an iteration for each batch."""
        for batch in batches:
            self.runner.train_loop.run_iter(self.count, batch)
            self.count += 1
