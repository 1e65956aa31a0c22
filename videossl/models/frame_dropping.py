"""An adversary of the student that drops frames of its clips."""

from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_choice, check_integer, check_positive
from videossl.errors import ConfigError
from videossl.registry import MODELS

from .autocast import in_float32
from .building import build


@MODELS.register_module()
class FrameDropGenerator(BaseModule):
    """A score for each frame of a clip, after VideoMoCo's generator: clips [N, 3, T, H, W] to fp32 [N, T].

    The scores of a clip are positive and sum to 1. Each frame is pooled to a small square and passes two convolutions; an
    LSTM reads the frames in both directions. Clips may have any length and size. (The released generator takes clips of 32
    frames of 112x112 pixels only, as one image of 96 channels. Its weights were not released.) It computes in fp32, and
    has no batch norm, so that two processes with half a batch each are one with the whole batch.

    Args:
        frame_size: side, in pixels, of a pooled frame; a multiple of 4. A guess.
        channels: of the two convolutions. A guess.
        hidden_channels: of each direction of the LSTM. Released code: 64.
    """

    def __init__(
        self,
        frame_size: int = 16,
        channels: int = 32,
        hidden_channels: int = 64,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_integer('FrameDropGenerator: frame_size', frame_size, minimum=4)
        check_integer('FrameDropGenerator: channels', channels)
        check_integer('FrameDropGenerator: hidden_channels', hidden_channels)
        if frame_size % 4:
            raise ConfigError(f'FrameDropGenerator: frame_size must be a multiple of 4, got {frame_size}')
        self.frame_size = frame_size
        self.frames = nn.Sequential(_frame_conv(3, channels), nn.ReLU(), _frame_conv(channels, channels), nn.ReLU())
        self.clip = nn.LSTM(channels * (frame_size // 4) ** 2, hidden_channels, batch_first=True, bidirectional=True)
        self.score = nn.Linear(2 * hidden_channels, 1)

    def forward(self, clips: Tensor) -> Tensor:
        """The scores of the frames of clips."""
        with in_float32(clips):
            # Pooled first: nothing here needs a gradient with respect to pixels.
            frames = self.frames(F.adaptive_avg_pool3d(clips.float(), (None, self.frame_size, self.frame_size)))
            states, _ = self.clip(frames.transpose(1, 2).flatten(2))
            return self.score(states).squeeze(2).softmax(dim=1)


def _frame_conv(in_channels: int, out_channels: int) -> nn.Conv3d:
    """A convolution of each frame by itself, with stride 2."""
    return nn.Conv3d(in_channels, out_channels, (1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))


def drop_frames(clips: Tensor, scores: Tensor, count: int, smallest: bool = True) -> Tensor:
    """Replace some frames of each clip by their own mean over channels and pixels.

    The gradient goes straight through to the scores: a frame's score gets the sum of the gradient over the frame, whether
    the frame was dropped or not.

    Args:
        clips: [N, C, T, H, W].
        scores: [N, T].
        count: how many frames are dropped.
        smallest: whether those of the smallest scores are dropped, or those of the largest.
    """
    frames = (len(clips), 1, clips.shape[2], 1, 1)
    chosen = scores.topk(count, dim=1, largest=not smallest).indices
    dropped = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, chosen, True).view(frames)
    kept = torch.where(dropped, clips.mean(dim=(1, 3, 4), keepdim=True), clips)
    return kept + (scores - scores.detach()).view(frames)  # plus 0, whose gradient is 1


class DroppedFrames(NamedTuple):
    """What :class:`FrameDropAdversary` does to a batch.

    Attributes:
        clips: [B, V, 3, T, H, W] without the frames.
        scores: [B * V, T], as the generator gave them.
        link: the tensor from which ``clips`` take their gradient with respect to the scores.
    """

    clips: Tensor
    scores: Tensor
    link: Tensor


@MODELS.register_module()
class FrameDropAdversary(BaseModule):
    """Drops those frames of the student's clips without which its embedding changes most.

    "VideoMoCo: Contrastive Video Representation Learning with Temporally Adversarial Examples", Tian Pan, Yibing Song, Tianyu
    Yang, Wenhao Jiang, Wei Liu, 2021. A generator scores the frames of a clip, a quarter of them are dropped
    (:func:`drop_frames`), and the student learns from what is left. The generator is trained to move the student's
    embedding away from that of the whole clip. Its loss is -weight times the mean absolute difference of the two unit
    vectors. The paper drops the most important frames, the released code those of the smallest score; with a gradient that
    goes straight through either name can be meant.

    The released code has two optimisers with the same settings. Here one suffices: :meth:`loss` returns a value whose
    gradient reaches the generator alone, so that the sum of all losses can be minimised in one backward pass.

    Args:
        generator: clips [N, 3, T, H, W] to scores [N, T]; None: :class:`FrameDropGenerator`.
        ratio: share of the frames that are dropped, rounded down. Paper and released code: 0.25.
        drop: ``'smallest'`` or ``'largest'`` scores.
        loss_weight: released code: 100.
        generator_sees: ``'adversarial'``: the generator learns from its own loss alone, which is the paper's idea as others
            quote it. ``'both'``: also from the student's losses, as in the released code, where gradients are not
            cleared between the two backward passes.

    Attributes:
        active: whether frames are dropped in training. :class:`~videossl.engine.AdversaryHook` sets it.
    """

    def __init__(
        self,
        generator: nn.Module | dict | None = None,
        ratio: float = 0.25,
        drop: str = 'smallest',
        loss_weight: float = 100.0,
        generator_sees: str = 'adversarial',
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_choice('FrameDropAdversary: drop', drop, ('smallest', 'largest'))
        check_choice('FrameDropAdversary: generator_sees', generator_sees, ('adversarial', 'both'))
        check_positive('FrameDropAdversary: loss_weight', loss_weight)
        if not 0 < ratio < 1:
            raise ConfigError(f'FrameDropAdversary: ratio must lie between 0 and 1, got {ratio!r}')
        self.generator: nn.Module = build(dict(type='FrameDropGenerator') if generator is None else generator)
        self.ratio = ratio
        self.smallest = drop == 'smallest'
        self.loss_weight = loss_weight
        self.generator_sees = generator_sees
        self.active = True

    def num_dropped(self, clip_len: int) -> int:
        """How many frames of a clip are dropped.

        Raises:
            ConfigError: it would be none. The message names the keys.
        """
        count = int(self.ratio * clip_len)
        if count < 1:
            raise ConfigError(
                f'model.adversary.ratio={self.ratio} of clips of {clip_len} frame(s) is less than one frame; raise clip_len '
                'of the sampler in train_dataloader.dataset.pipeline, or the ratio, or train without it: '
                'remove model.adversary, and AdversaryHook from custom_hooks'
            )
        return count

    def drop(self, clips: Tensor) -> DroppedFrames:
        """Drop frames of clips [B, V, 3, T, H, W]."""
        flat = clips.flatten(0, 1)
        scores = self.generator(flat)
        if not isinstance(scores, Tensor) or scores.shape != (len(flat), flat.shape[2]):
            raise ConfigError(
                f'model.adversary.generator: {type(self.generator).__name__} must give a score for each frame of clips '
                f"{tuple(flat.shape)}, [N, T]; set type='FrameDropGenerator'"
            )
        # A leaf of its own keeps the gradient of the student's losses from the generator.
        link = scores if self.generator_sees == 'both' else scores.detach().requires_grad_()
        left = drop_frames(flat, link, self.num_dropped(clips.shape[3]), self.smallest)
        return DroppedFrames(left.unflatten(0, clips.shape[:2]), scores, link)

    def loss(self, dropped: DroppedFrames, student: Tensor, whole: Tensor) -> dict[str, Tensor]:
        """The generator's loss, whose gradient does not reach the student.

        With L that loss and s the scores, it is the sum of s dL/ds, dL/ds a constant, made to have the value of L.

        Args:
            dropped: what :meth:`drop` returned.
            student: [B, V, D], the student's embeddings of these clips, L2-normalised, fp32.
            whole: [B, V, D], those of the whole clips.
        """
        with in_float32(student):
            loss = -self.loss_weight * F.l1_loss(student, whole.detach())
            (slope,) = torch.autograd.grad(loss, dropped.link, retain_graph=True)
            surrogate = (dropped.scores * slope).sum()
            return dict(loss_generator=loss.detach() + (surrogate - surrogate.detach()))
