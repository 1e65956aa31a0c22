"""The base of all video backbones: stages run in order, freezing, and an initialisation that never fails silently."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mmengine.model import BaseModule
from mmengine.model.weight_init import PretrainedInit
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from videossl.checks import check_integer
from videossl.models.backbones.temporal_group_norm import group_batch_norms


class Stage(NamedTuple):
    """One step of a backbone: its name (the attribute it is stored under), the module and the channels it puts out."""

    name: str
    module: nn.Module
    out_channels: int


class VideoBackbone(BaseModule):
    """A chain of stages, stem first, from clips [N, C, T, H, W] to a feature map [N, out_channels, t, h, w].

    A subclass builds its stages and passes them to this constructor. There is no pooling at the end: necks pool the map.

    Args:
        stages: The stem, then the further stages, in the order in which they run.
        frozen_stages: -1 trains everything, 0 freezes the stem, k freezes the stem and the k stages after it. A frozen
            stage gets no gradient and its batch norms keep their running statistics, also after ``train()``.
        norm_eval: Keep every batch norm in eval mode while training: its running statistics are used and stay as they
            are. Its scale and shift still learn, unless their stage is frozen.
        out_indices: Which stages' maps are returned, counted from the stem (0), ascending. None: the last stage's.
            The stages after the last of these are not run.
        temporal_groups: ``dict(clip_len=16, group_len=4)``, or with ``num_groups`` in its place, divides the batch norms along
            time (:func:`~.temporal_group_norm.group_batch_norms`); None leaves them as they are.
        init_cfg: mmengine's initialisation config. ``dict(type='Pretrained', checkpoint=..., prefix=...)`` goes through
            :func:`videossl.checkpoints.hand_off.fill_backbone`, which stops when nothing in the checkpoint matches;
            mmengine handles all other types.

    Attributes:
        out_channels: Channels of the last map returned.
        stage_names: Names of the stages, stem first.
        stage_channels: Channels that each stage puts out, stem first.

    Raises:
        ValueError: On an unusable ``frozen_stages``, ``out_indices`` or pretrained ``init_cfg``.
    """

    # mmengine's
    init_cfg: dict | list[dict] | None
    is_init: bool

    def __init__(
        self,
        stages: Sequence[Stage],
        frozen_stages: int = -1,
        norm_eval: bool = False,
        out_indices: Sequence[int] | None = None,
        temporal_groups: dict[str, int] | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        num_stages = len(stages)
        if num_stages == 0:
            raise ValueError('a backbone needs at least one stage')
        if not isinstance(frozen_stages, int) or not -1 <= frozen_stages < num_stages:
            raise ValueError(
                f'frozen_stages must be an integer from -1 (none) to {num_stages - 1} (all stages), '
                f'got {frozen_stages!r}'
            )
        for pretrained_cfg in self._pretrained_cfgs():
            _check_pretrained_cfg(pretrained_cfg)

        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.out_indices = _checked_out_indices(out_indices, num_stages)
        self.stage_names = tuple(stage.name for stage in stages)
        self.stage_channels = tuple(stage.out_channels for stage in stages)
        self.out_channels = self.stage_channels[self.out_indices[-1]]
        for stage in stages:
            self.add_module(stage.name, stage.module)
        if temporal_groups is not None:
            group_batch_norms(self, **temporal_groups)
        self.train()  # ours: freezes what is to be frozen, before any optimizer asks for the parameters

    def reset_parameters(self) -> None:
        """Draw those weights that the net draws otherwise than its layers do; by default nothing is drawn.

        The constructor of a net that has such weights ends with it, and an averaged teacher with weights of its own calls it
        after the layers' own. It may look at the modules only: :class:`BranchedBackbone` draws its stages by the method of the
        net that they are from.
        """

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Names and modules in running order, stem first: running them one after the other is ``forward``."""
        # Looked up by name, to find modules that were replaced from outside (SyncBN conversion, compilation).
        return [(name, getattr(self, name)) for name in self.stage_names]

    def forward(self, clips: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Compute the feature map of each clip.

        Args:
            clips: [N, C, T, H, W], normalised by the data preprocessor.

        Returns:
            The map [N, out_channels, t, h, w]; with several ``out_indices`` the tuple of their maps.
        """
        return self.run_stages(clips)

    def run_stages(
        self, clips: Tensor, after_stem: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        """:meth:`forward`, with a function that changes the stem's map."""
        feature_maps = []
        feature_map = clips
        for index, (_, stage) in enumerate(self.stages()[: self.out_indices[-1] + 1]):
            feature_map = stage(feature_map)
            if index == 0 and after_stem is not None:
                feature_map = after_stem(feature_map)
            if index in self.out_indices:
                feature_maps.append(feature_map)
        return feature_maps[0] if len(feature_maps) == 1 else tuple(feature_maps)

    def train(self, mode: bool = True) -> 'VideoBackbone':
        """Switch between training and evaluation; frozen stages and, with ``norm_eval``, batch norms stay in eval."""
        super().train(mode)
        for _, stage in self.stages()[: self.frozen_stages + 1]:
            stage.eval()
            stage.requires_grad_(False)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def init_weights(self) -> None:
        """Initialise as ``init_cfg`` says; without one, the weights stay as PyTorch's constructors drew them.

        Raises:
            CheckpointError: If a pretrained checkpoint has no parameter of this backbone.
        """
        pretrained_cfgs = self._pretrained_cfgs()
        if self.is_init or not pretrained_cfgs:
            super().init_weights()
            return

        from videossl.checkpoints.hand_off import fill_backbone  # here, so that a backbone can be used without it

        # BaseModule would load with strict=False and not report that no key matches. It runs the other initialisers first,
        # because pretrained weights overwrite them.
        init_cfg = self.init_cfg
        self.init_cfg = [cfg for cfg in as_list(init_cfg) if not is_pretrained(cfg)]
        try:
            super().init_weights()
        finally:
            self.init_cfg = init_cfg
        self.is_init = False  # until the checkpoint is loaded: a failed hand-off must not count as an initialised net
        for pretrained_cfg in pretrained_cfgs:
            fill_backbone(self, pretrained_cfg['checkpoint'], prefix=pretrained_cfg.get('prefix'))
        self.is_init = True

    def _pretrained_cfgs(self) -> list[dict]:
        return [cfg for cfg in as_list(self.init_cfg) if is_pretrained(cfg)]


def check_channels(in_channels: int, base_channels: int) -> None:
    """Refuse numbers of channels below 1, naming the argument."""
    check_integer('in_channels', in_channels)
    check_integer('base_channels', base_channels)


def _checked_out_indices(out_indices: Sequence[int] | None, num_stages: int) -> tuple[int, ...]:
    if out_indices is None:
        return (num_stages - 1,)
    is_sequence = isinstance(out_indices, Sequence) and not isinstance(out_indices, str)
    if not is_sequence or not all(isinstance(index, int) and 0 <= index < num_stages for index in out_indices):
        raise ValueError(
            f'out_indices must be a list of stage numbers from 0 (stem) to {num_stages - 1}, got {out_indices!r}'
        )
    if not out_indices or list(out_indices) != sorted(set(out_indices)):
        raise ValueError(
            f'out_indices must name at least one stage, in ascending order, each once, got {out_indices!r}'
        )
    return tuple(out_indices)


def as_list(init_cfg: dict | list[dict] | None) -> list[dict]:
    """The configs of all initialisers."""
    if not init_cfg:
        return []
    return [init_cfg] if isinstance(init_cfg, dict) else list(init_cfg)


def is_pretrained(init_cfg: dict) -> bool:
    """Whether an initialiser's config takes the weights of a checkpoint."""
    return init_cfg.get('type') in ('Pretrained', PretrainedInit)


def _check_pretrained_cfg(init_cfg: dict) -> None:
    if not init_cfg.get('checkpoint'):
        raise ValueError(f"init_cfg of type 'Pretrained' needs a checkpoint, got {dict(init_cfg)}")
    unknown = sorted(set(init_cfg) - {'type', 'checkpoint', 'prefix'})
    if unknown:
        raise ValueError(f"init_cfg of type 'Pretrained' takes checkpoint and prefix only; remove {', '.join(unknown)}")
