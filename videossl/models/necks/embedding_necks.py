"""Necks: from a backbone's feature map to an embedding."""

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_choice, check_integer
from videossl.registry import MODELS

from ..layers import conv_bn_relu

# The layers behind a hidden layer, before its ReLU.
NORMS: dict[str | None, tuple[type[nn.Module], ...]] = {None: (), 'batch': (nn.BatchNorm1d,), 'layer': (nn.LayerNorm,)}


@MODELS.register_module()
class PoolNeck(BaseModule):
    """Pool over time and space: [N, C, t, h, w] to [N, C].

    Args:
        mode: ``'mean'``: the average. ``'space_max_time_mean'``: the maximum of each frame of the map, then the average over
            frames: a motion counts wherever it is, but not a single moment of it (SpeedNet).
    """

    def __init__(self, mode: str = 'mean') -> None:
        super().__init__()
        check_choice('PoolNeck: mode', mode, ('mean', 'space_max_time_mean'))
        self.mode = mode

    def forward(self, feature_map: Tensor) -> Tensor:
        """Pool a feature map."""
        return feature_map.mean(dim=(2, 3, 4)) if self.mode == 'mean' else feature_map.amax(dim=(3, 4)).mean(dim=2)


@MODELS.register_module()
class ConvPoolNeck(BaseModule):
    """One convolution of 3x3x3 with batch norm and ReLU, then average over time and space (PRP's branch for the rate).

    Shape: [N, in_channels, t, h, w] to [N, out_channels].

    Args:
        in_channels: channels of the backbone's last map.
        out_channels: dimension of the embedding.
    """

    def __init__(self, in_channels: int, out_channels: int = 512, init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg)
        self.layers = conv_bn_relu(in_channels, out_channels)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Convolve and pool a feature map."""
        return self.layers(feature_map).mean(dim=(2, 3, 4))


@MODELS.register_module()
class MapNeck(BaseModule):
    """Return the map unchanged, for a head that reads maps: [N, C, t, h, w].

    Args:
        branch: the branch of a :class:`~videossl.models.BranchedBackbone` that it reads; None: all.
    """

    def __init__(self, branch: str | None = None) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, feature_map: Tensor) -> Tensor:
        """The map itself."""
        return feature_map


@MODELS.register_module()
class ProjectionNeck(BaseModule):
    """Average-pool, then one linear layer with bias: [N, in_channels, t, h, w] to [N, out_channels].

    auxSKD's projection, 512 to 128, of student and teacher ("Auxiliary Learning for Self-Supervised Video
    Representation via Similarity-based Knowledge Distillation", Dadashzadeh, Whone, Mirmehdi, 2021, section 4.2).

    Args:
        in_channels: channels of the backbone's last map.
        out_channels: dimension of the embedding.
        num_layers: 1, the paper's; with more, hidden layers with ReLU between them.
        branch: the branch of a :class:`~videossl.models.BranchedBackbone` that it reads; None: all.
        hidden_channels: width of the hidden layers; None: ``in_channels``.
        norm: behind each hidden layer: ``'batch'``, as BYOL has it; ``'layer'``, as CEP's code has it. None: no norm.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 128,
        num_layers: int = 1,
        branch: str | None = None,
        init_cfg: dict | list[dict] | None = None,
        hidden_channels: int | None = None,
        norm: str | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_integer('ProjectionNeck: num_layers', num_layers)
        check_choice('ProjectionNeck: norm', norm, tuple(NORMS))
        hidden = [in_channels if hidden_channels is None else hidden_channels] * (num_layers - 1)
        self.branch = branch
        self.pool = PoolNeck()
        self.layers = _mlp([in_channels, *hidden, out_channels], norm)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Pool and project a feature map."""
        return self.layers(self.pool(feature_map))


@MODELS.register_module()
class PredictorNeck(BaseModule):
    """The student's predictor: [N, in_channels] to [N, out_channels].

    The paper says "a 3-layer MLP with hidden dimension 1024, and output embedding dimension 128"; the released code has
    two linear layers, 128 - 1024 (batch norm, ReLU) - 128. The code's is the default (its three "layers" are the three
    sizes); ``num_layers=3`` gives the other reading, with a second hidden layer. ISD's released code has no bias in the
    first layer; a bias before a batch norm has no effect on the output.

    Args:
        in_channels: dimension of the embedding.
        hidden_channels: width of the hidden layers.
        out_channels: dimension of the prediction.
        num_layers: number of linear layers, at least 2.
        normalize_input: whether the embedding is L2-normalised before the first layer, in fp32 (CEP).
    """

    def __init__(
        self,
        in_channels: int = 128,
        hidden_channels: int = 1024,
        out_channels: int = 128,
        num_layers: int = 2,
        init_cfg: dict | list[dict] | None = None,
        normalize_input: bool = False,
    ) -> None:
        super().__init__(init_cfg)
        check_integer('PredictorNeck: num_layers', num_layers, minimum=2)
        self.normalize_input = normalize_input
        self.layers = _mlp([in_channels] + [hidden_channels] * (num_layers - 1) + [out_channels], 'batch')

    def forward(self, embedding: Tensor) -> Tensor:
        """Predict the teacher's embedding from the student's."""
        return self.layers(F.normalize(embedding.float(), dim=1) if self.normalize_input else embedding)


def _mlp(channels: list[int], norm: str | None) -> nn.Sequential:
    layers: list[nn.Module] = []
    last = len(channels) - 2
    for index, (inputs, outputs) in enumerate(zip(channels[:-1], channels[1:])):
        layers.append(nn.Linear(inputs, outputs))
        if index < last:
            layers += [*(kind(outputs) for kind in NORMS[norm]), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
