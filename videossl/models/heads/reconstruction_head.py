"""The decoder of playback rate perception: a clip's map gives the frames of its stretch at half the rate."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_choice
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from ..layers import conv_bn_relu
from .pretext_head import PretextHead

# Of every 16 frames of the video, those whose differences count.
COMPARED = (0, 5, 10, 15)


def motion_attention(target: Tensor, rates: Tensor, choices: Sequence[int]) -> Tensor:
    """Where each stretch of a target moves, from 0.8 (least) to 2.0 (most): the mask of PRP's released code.

    The 2 T frames of a target at rate s show s stretches of T frames of the video. In each, the frames at 0, 5/16, 10/16
    and 15/16 of its length (of 16 frames: 0, 5, 10 and 15) give three squared differences. These are averaged over the
    differences and over patches of a quarter of the side, a sixteenth apart, which gives 13x13 values; scaled for each
    channel so that the least is 0 and the most 1; and resized to the frames (bilinear). A stretch without motion is 2.0
    everywhere. The released code compares exactly these frames of the video. A target at rate 4 or 8 does not have them all;
    the next earlier one is taken.

    Args:
        target: [B, 3, 2 T, H, W] in 0..1; sides are multiples of 16.
        rates: int64 [B], indices into ``choices``.
        choices: the rates; 2 T is a multiple of 4 times each.

    Returns:
        [B, 3, M, H, W], M being the largest rate, the mask of every (2 T / M)-th frame and those after it.
    """
    num_frames, height, width = target.shape[2:]
    patch, step = (height // 4, width // 4), (height // 16, width // 16)
    masks = []
    for rate in choices:  # all of them: which ones a batch has is known on the device alone
        windows = target.unflatten(2, (rate, num_frames // rate))
        frames = [windows[:, :, :, place * num_frames // rate // 16] for place in COMPARED]
        motion = sum((late - early).square() for early, late in zip(frames, frames[1:])) / (len(frames) - 1)
        motion = F.avg_pool2d(motion.flatten(1, 2), patch, step).unflatten(1, (3, rate))
        least, most = motion.amin(dim=(3, 4), keepdim=True), motion.amax(dim=(3, 4), keepdim=True)
        scaled = (motion - least + 1e-6) / (most - least + 1e-6)
        masks.append(scaled.repeat_interleave(max(choices) // rate, dim=2))
    own = torch.stack(masks, dim=1)  # [B, choices, 3, M, 13, 13]
    index = rates.view(-1, 1, 1, 1, 1, 1).expand(-1, 1, *own.shape[2:])
    grid = 0.8 + 1.2 * own.gather(1, index).squeeze(1)
    resized = F.interpolate(grid.flatten(1, 2), (height, width), mode='bilinear', align_corners=False)
    return resized.unflatten(1, (3, max(choices)))


@MODELS.register_module()
class ReconstructionHead(PretextHead):
    """A decoder gives the frames of a clip's stretch at half its rate; where the video moves, errors count more (PRP).

    "Video Playback Rate Perception for Self-supervised Spatio-Temporal Representation Learning", Yuan Yao, Chang Liu, Dezhao
    Luo, Yu Zhou, Qixiang Ye, 2020. Layers and mask are the released code's. A convolution keeps the channels; then three
    times a transposed convolution doubles time, height and width, and a convolution halves the channels; a last transposed
    convolution and a convolution to 3 channels follow. Every convolution is 3x3x3 and has batch norm and ReLU, the last
    too. So the targets are in 0..1, whatever the preprocessor does. From 512x2x7x7 it comes to 3x32x112x112.

    The loss is the squared error times :func:`motion_attention`, averaged over pixels, channels and frames. At rate 1 only
    every second frame of the target is one of the video, and the others do not count.

    Args:
        in_channels: channels of the map, a multiple of 8.
        rates: the sampler's.
        mask: ``'motion'`` or ``'none'``.
        embedding_name: the neck whose map the head reads, a :class:`~videossl.models.MapNeck`.
        loss_weight: factor on the loss.
    """

    label = 'gt_rate'  # an index into the rates, so there must be as many as the sampler draws
    labels_read = ('target_frames', label)

    def __init__(
        self,
        in_channels: int = 512,
        rates: Sequence[int] = (1, 2, 4, 8),
        mask: str = 'motion',
        embedding_name: str = 'map',
        loss_weight: float = 1.0,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(embedding_name, loss_weight, init_cfg)
        check_choice('ReconstructionHead: mask', mask, ('motion', 'none'))
        if in_channels % 8:
            raise ConfigError(f'ReconstructionHead: in_channels must be a multiple of 8, got {in_channels}')
        self.rates = tuple(rates)
        self.num_classes = len(self.rates)
        self.mask = mask
        widths = [in_channels, in_channels // 2, in_channels // 4, in_channels // 8, 3]
        layers: list[nn.Module] = [conv_bn_relu(in_channels, in_channels)]
        for inputs, outputs in zip(widths, widths[1:]):
            layers += [nn.ConvTranspose3d(inputs, inputs, 2, stride=2), conv_bn_relu(inputs, outputs)]
        self.decoder = nn.Sequential(*layers)

    def forward(self, feature_map: Tensor) -> Tensor:
        """Frames [N, 3, 16 t, 16 h, 16 w] of maps [N, in_channels, t, h, w], not negative."""
        return self.decoder(feature_map)

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """The weighted squared error.

        Args:
            embeddings: student [B, 1, in_channels, t, h, w].
            data_samples: B samples, each with ``target_frames``, uint8 [3, 16 t, 16 h, 16 w], and ``gt_rate``, int64 [1].

        Raises:
            ValueError: frames and targets differ in size.
        """
        frames = self(self.single_view(embeddings.student, 'student'))
        target = self.gather(data_samples, 'target_frames', embeddings)
        rates = self.gather_of_views(data_samples, self.label, embeddings)[:, 0]
        if frames.shape != target.shape:
            raise ConfigError(
                f'ReconstructionHead: the decoder gives {tuple(frames.shape)}, target_frames are {tuple(target.shape)}; '
                'the backbone must divide time by 8 and height and width by 16'
            )
        with in_float32(frames):
            loss = reconstruction_error(frames.float(), target.float() / 255, rates, self.rates, self.mask)
        return dict(loss_reconstruction=self.loss_weight * loss)


def reconstruction_error(frames: Tensor, target: Tensor, rates: Tensor, choices: Sequence[int], mask: str) -> Tensor:
    """The mean over samples of the squared error, weighted by the mask, over those frames that are frames of the video.

    Args:
        frames, target: [B, 3, 2 T, H, W].
        rates: int64 [B], indices into ``choices``, or -100 for a rate that a short video does not show.
    """
    error = (frames - target).square()
    if mask == 'motion':
        with torch.no_grad():
            weights = motion_attention(target, rates.clamp(min=0), choices)
        error = (error.unflatten(2, (weights.shape[2], -1)) * weights.unsqueeze(3)).flatten(2, 3)
    by_frame = error.mean(dim=(1, 3, 4))
    is_doubled = (rates == choices.index(1)) if 1 in choices else torch.zeros_like(rates, dtype=torch.bool)
    return torch.where(is_doubled, by_frame[:, ::2].mean(dim=1), by_frame.mean(dim=1)).mean()
