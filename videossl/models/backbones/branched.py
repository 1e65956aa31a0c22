"""A backbone whose first stages are shared and whose last stages exist once for each task."""

import copy
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from videossl.checks import check_choice
from videossl.models.backbones.base import Stage, VideoBackbone, as_list
from videossl.models.building import build
from videossl.registry import MODELS


@MODELS.register_module()
class BranchedBackbone(VideoBackbone):
    """A shared low-level encoder with one high-level encoder for each task on top of it (Equations 1 and 5).

    "Human-Centered Prior-Guided and Task-Dependent Multi-Task Representation Learning for Action Recognition
    Pre-Training", Wang, Lu, Zhou, He, Wang, 2022, section 3. The stages of any :class:`VideoBackbone` are taken apart:
    the first ``num_shared_stages`` are the paper's f_l, and every branch has its own copy of the others (h_h, h_c),
    initialised independently. The representation is [z_h || z_c]: both maps, concatenated over the channels.

    One branch gives the paper's other settings: with both tasks on it "TI" (Table 2), with contrast alone "w/o KD".

    The paper does not say where the net is divided. By default the shared part ends before the last two halvings of the
    map's side: for the 10-layer nets conv1, conv2 and conv3 are shared (``num_shared_stages=3``), conv4 and conv5 are
    not; for C3D conv1 to conv3b are.

    Parameters are named ``shared.STAGE...`` and ``branches.BRANCH.STAGE...``, STAGE being the name in the plain net.

    Args:
        backbone: The net to take apart: a config, built in videossl's scope once for each branch, or a built net, whose
            weights every branch then starts from. ``frozen_stages`` (counted as in the plain net; stages above the
            shared ones are frozen in every branch), ``norm_eval`` and ``init_cfg`` are set there; ``out_indices`` must
            not be set.
        branches: Names of the branches, in the order of the channels.
        num_shared_stages: Number of stages that are shared, the stem being one of them. None: see above.
        output: ``'concat'``: one map [N, out_channels, t, h, w], as any backbone gives it; ``'branches'``: a dict from
            the name of each branch to its map.
        init_cfg: See :class:`VideoBackbone`. A pretrained checkpoint may be one of this backbone, or one of the plain
            net, which then fills every branch.

    Attributes:
        branch_channels: Channels of one branch's map.
        out_channels: Channels of a map that ``forward`` returns: those of all branches together, or, with
            ``output='branches'``, those of one.

    Raises:
        TypeError: If the inner net is not a :class:`VideoBackbone`.
        ValueError: On an unusable number of shared stages, branch name, output or ``out_indices``.
    """

    def __init__(
        self,
        backbone: dict | VideoBackbone,
        branches: Sequence[str] = ('human', 'contrast'),
        num_shared_stages: int | None = None,
        output: str = 'concat',
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        _check_branches(branches)
        check_choice('output', output, ('concat', 'branches'))
        nets = _one_net_per_branch(backbone, len(branches))
        plain = nets[0]
        num_stages = len(plain.stages())
        if num_shared_stages is None:
            num_shared_stages = count_shared_stages(plain)
        elif not isinstance(num_shared_stages, int) or not 0 <= num_shared_stages < num_stages:
            raise ValueError(
                f'num_shared_stages must be an integer from 0 (nothing shared) to {num_stages - 1} (all but '
                f'the last of the {num_stages} stages of {type(plain).__name__}), got {num_shared_stages!r}'
            )

        num_frozen = plain.frozen_stages + 1
        shared = StageChain(plain.stages()[:num_shared_stages], min(num_frozen, num_shared_stages))
        chains: dict[str, nn.Module] = {
            name: StageChain(net.stages()[num_shared_stages:], max(0, num_frozen - num_shared_stages))
            for name, net in zip(branches, nets)
        }
        shared_channels = plain.stage_channels[num_shared_stages - 1] if num_shared_stages else 0
        # To the base class this is a chain of two steps. The chains inside them do the freezing.
        super().__init__(
            [
                Stage('shared', shared, shared_channels),
                Stage('branches', ParallelBranches(chains, output), plain.out_channels),
            ],
            norm_eval=plain.norm_eval,
            init_cfg=as_list(plain.init_cfg) + as_list(init_cfg),
        )
        self.plain_class = type(plain)
        self.num_shared_stages = num_shared_stages
        self.branch_channels = plain.out_channels
        self._count_channels()

    def reset_parameters(self) -> None:
        """Draw the weights of all stages as the plain net draws its own."""
        self.plain_class.reset_parameters(self)

    @property
    def branch_names(self) -> list[str]:
        """Names of the branches, in the order of the channels."""
        return list(self.branches)

    @property
    def output(self) -> str:
        """``'concat'`` or ``'branches'``."""
        return self.branches.output

    def keep_branches(self, names: Sequence[str]) -> 'BranchedBackbone':
        """Remove all branches but those named, in place; for an averaged copy that is to hold one task's path only.

        Raises:
            ValueError: If a name is not that of a branch, or there is no name.
        """
        _check_branches(names)
        unknown = [name for name in names if name not in self.branches]
        if unknown:
            raise ValueError(
                f'there is no branch {", ".join(unknown)}; the branches are {", ".join(self.branch_names)}'
            )
        for name in self.branch_names:
            if name not in names:
                del self.branches[name]
        self._count_channels()
        return self

    def hand_off_mapping(
        self, prefix: str = 'backbone.', source_prefix: str | None = None, from_plain: bool = True
    ) -> dict[str, list[str]]:
        """What :func:`videossl.checkpoints.hand_off.load_mapped` needs to fill this backbone from a checkpoint.

        Every stage is an entry, so that a hand-off stops if any of them finds nothing.

        Args:
            prefix: What this backbone's parameters begin with in the model.
            source_prefix: What the backbone's parameters begin with in the checkpoint; None: as in the model.
            from_plain: The checkpoint is of the plain net, whose last stages go to every branch; otherwise it is of a
                backbone divided like this one.

        Returns:
            Prefixes here by the prefix in the checkpoint. For the plain net ``backbone.stem.`` has
            ``['backbone.shared.stem.']``, and ``backbone.stage4.`` has
            ``['backbone.branches.human.stage4.', 'backbone.branches.contrast.stage4.']``.
        """
        source_prefix = prefix if source_prefix is None else source_prefix
        mapping: dict[str, list[str]] = {}
        parts = {'shared': self.shared, **{f'branches.{name}': chain for name, chain in self.branches.items()}}
        for part, chain in parts.items():
            for stage, module in chain.named_children():
                if module.state_dict():  # pooling alone has nothing to fill
                    source = f'{stage}.' if from_plain else f'{part}.{stage}.'
                    mapping.setdefault(f'{source_prefix}{source}', []).append(f'{prefix}{part}.{stage}.')
        return mapping

    def _count_channels(self) -> None:
        joined = len(self.branches) if self.branches.output == 'concat' else 1
        self.out_channels = joined * self.branch_channels
        self.stage_channels = (self.stage_channels[0], self.out_channels)


class StageChain(nn.Sequential):
    """Stages of a backbone under their names, of which the first ``num_frozen`` get no gradient and stay in eval."""

    def __init__(self, stages: Sequence[tuple[str, nn.Module]], num_frozen: int) -> None:
        super().__init__(OrderedDict(stages))
        self.num_frozen = num_frozen

    def train(self, mode: bool = True) -> 'StageChain':
        """Switch between training and evaluation, but for the frozen stages."""
        super().train(mode)
        for stage in list(self)[: self.num_frozen]:
            stage.eval()
            stage.requires_grad_(False)
        return self


class ParallelBranches(nn.ModuleDict):
    """Runs every branch on the same map and joins the results, see :class:`BranchedBackbone`."""

    def __init__(self, branches: dict[str, nn.Module], output: str) -> None:
        super().__init__(branches)
        self.output = output

    def forward(self, feature_map: Tensor) -> Tensor | dict[str, Tensor]:
        maps = {name: branch(feature_map) for name, branch in self.items()}
        return maps if self.output == 'branches' else torch.cat(list(maps.values()), dim=1)


def count_shared_stages(net: VideoBackbone) -> int:
    """Number of stages, stem included, before the last two halvings of the map's side; at least 1, and never all.

    The stages run once on clips without content (PyTorch's meta device), which costs next to nothing.
    """
    stages = [stage for _, stage in copy.deepcopy(net).eval().to('meta').stages()]
    in_channels = next(module.in_channels for module in net.modules() if isinstance(module, nn.Conv3d))
    # A power of two, so that no halving is rounded; the default of a clip, 112, would give 28, 14, 7, 4.
    feature_map = torch.empty(1, in_channels, 32, 128, 128, device='meta')
    sides = []
    with torch.no_grad():
        for stage in stages:
            feature_map = stage(feature_map)
            sides.append(feature_map.shape[-1])
    num_shared = sum(side >= 4 * sides[-1] for side in sides)
    return min(max(num_shared, 1), len(stages) - 1)


def _one_net_per_branch(backbone: dict | VideoBackbone, num_branches: int) -> list[VideoBackbone]:
    if isinstance(backbone, dict):
        nets = [build(backbone) for _ in range(num_branches)]
    else:
        nets = [backbone] + [copy.deepcopy(backbone) for _ in range(num_branches - 1)]
    plain = nets[0]
    if not isinstance(plain, VideoBackbone) or isinstance(plain, BranchedBackbone):
        raise TypeError(
            f'BranchedBackbone takes a plain backbone of videossl apart, such as R2Plus1D; {type(plain).__name__} '
            'has no stages to take'
        )
    if plain.out_indices != (len(plain.stages()) - 1,):
        raise ValueError(
            'BranchedBackbone returns the maps of the last stage; remove out_indices='
            f'{list(plain.out_indices)} from the inner backbone'
        )
    return nets


def _check_branches(names: Sequence[str]) -> None:
    is_sequence = isinstance(names, Sequence) and not isinstance(names, str)
    if not is_sequence or not names or not all(isinstance(name, str) and name.isidentifier() for name in names):
        raise ValueError(f"branches must be a list of at least one name such as ['human', 'contrast'], got {names!r}")
    if len(set(names)) != len(names):
        raise ValueError(f'each branch needs a name of its own, got {list(names)}')
