"""Contrast within a batch: an embedding is close to those of its positives and far from all others."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_gather, all_reduce, get_rank, get_world_size
from torch import Tensor
from torch.nn import functional as F

from videossl.checks import check_choice, check_positive
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..autocast import in_float32
from ..embeddings import Embeddings
from .pretext_head import IGNORE_INDEX, PretextHead, divisor, joint_count

POSITIVES = ('same_context', 'same_pace')


def nt_xent(similarity: Tensor, left_out: Tensor, positives: Tensor, temperature: float) -> Tensor:
    """The normalised, temperature-scaled cross-entropy of each anchor.

    It is the mean over the anchor's positives p of -log(exp(s_p / temperature) / sum exp(s_k / temperature)), where k
    runs over all clips but those that are left out, such as the anchor itself. The mean stands outside of the
    logarithm, and the other positives are in the sum, as in L_out of "Supervised Contrastive Learning", Khosla et
    al., 2020. With one positive it is the loss of SimCLR.

    Args:
        similarity: fp32 [A, N], cosines of A anchors to N clips; the anchors are among them.
        left_out: bool [A, N], true where the clip is the anchor or takes no part.
        positives: bool [A, N], false where the clip is the anchor.
        temperature: divides the similarities.

    Returns:
        [A]; finite, but without meaning, for an anchor without a positive.
    """
    logits = similarity / temperature
    # The lowest number instead of minus infinity, so that the result is finite even for a clip alone in its batch.
    others = logits.masked_fill(left_out, torch.finfo(logits.dtype).min)
    mean_positive = (logits * positives).sum(1) / positives.sum(1).clamp(min=1)
    return others.logsumexp(1) - mean_positive


class AllProcesses(torch.autograd.Function):
    """Rows [N, D] of every process, in the order of the ranks: [W * N, D]; N must be the same everywhere.

    The gradient of a process's rows is summed over the losses of all processes. DDP then averages over the processes,
    which gives the gradient of the mean loss.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        """Gather."""
        ctx.num_rows = rows.shape[0]
        return torch.cat(all_gather(rows.contiguous()))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Sum over the processes, and keep the own rows."""
        gradient = gradient.contiguous()
        all_reduce(gradient)
        return gradient[get_rank() * ctx.num_rows :][: ctx.num_rows]


@MODELS.register_module()
class NTXentHead(PretextHead):
    """Contrast between the clips of a batch, the second task of VideoPace beside the speed.

    "Self-supervised Video Representation Learning by Pace Prediction", Jiangliu Wang, Jianbo Jiao, Yun-Hui Liu, 2020.
    **Unverified**: the authors released the pace prediction, but never this part. Both kinds of positives, and the sum
    cross-entropy + 0.1 contrast, are recalled from the paper; the paper's temperature is not known here. The default is
    that of SimCLR on ImageNet ("A Simple Framework for Contrastive Learning of Visual Representations", Chen et al.,
    2020).

    Anchors are all B * V clips of the batch, with several processes those of all of them: two processes have the loss
    (its mean over them) and the gradients of one with the joint batch. All must have the same number of clips.

    The head returns ``loss_contrast``, see :func:`nt_xent`, the mean over the anchors that have a positive (0 if none has),
    and ``acc_contrast``, the share of these anchors that have a negative and a positive more similar than every negative: 0
    where all embeddings are the same.

    Args:
        positives: ``'same_context'``: the other clips of the same video; a sample must have two clips or more.
            ``'same_pace'``: all other clips of the batch with the same ``gt_speed``, of whatever video; an anchor
            whose speed no other clip has is a negative only. Clips of speed -100 (ignored) take no part.
        temperature: divides the cosine similarities.
        embedding_name: see :class:`PretextHead`. The head L2-normalises this embedding.
        loss_weight: factor on the loss.
    """

    def __init__(
        self,
        positives: str = 'same_context',
        temperature: float = 0.1,
        embedding_name: str = 'projection',
        loss_weight: float = 0.1,
    ) -> None:
        super().__init__(embedding_name, loss_weight)
        check_choice('NTXentHead: positives', positives, POSITIVES)
        check_positive('NTXentHead: temperature', temperature)
        self.positives = positives
        self.temperature = temperature
        self.labels_read = ('gt_speed',) if positives == 'same_pace' else ()

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """Loss and accuracy.

        Args:
            embeddings: student [B, Vs, D].
            data_samples: B samples; with ``'same_pace'`` each has ``gt_speed``, int64 [V].
        """
        embedding = embeddings.student
        with in_float32(embedding):
            anchors = F.normalize(embedding.float(), dim=2).flatten(0, 1)
            groups = self._groups(embeddings, data_samples)
            clips, first, processes = anchors, 0, get_world_size()
            if processes > 1:
                first = get_rank() * len(anchors)
                clips, groups = AllProcesses.apply(anchors), torch.cat(all_gather(groups))
            everyone = torch.arange(len(clips), device=clips.device)
            own = everyone[first : first + len(anchors)]
            same_group = groups[:, None] == groups
            known = groups != IGNORE_INDEX
            positives = same_group & known & known[:, None] & (everyone[:, None] != everyone)
            left_out = (own[:, None] == everyone) | ~known
            no_negative, positives = (same_group | ~known)[own], positives[own]
            has_positive = positives.any(1)
            count = joint_count(has_positive)

            similarity = anchors @ clips.t()
            losses = nt_xent(similarity, left_out, positives, self.temperature)
            loss = torch.where(has_positive, losses, 0).sum() / divisor(count)
            with torch.no_grad():
                lowest = torch.finfo(similarity.dtype).min
                nearest_positive = similarity.masked_fill(~positives, lowest).amax(1)
                nearest_negative = similarity.masked_fill(no_negative, lowest).amax(1)
                is_right = (nearest_positive > nearest_negative) & ~no_negative.all(1)
                accuracy = is_right.sum() / divisor(count)
        self.counts = dict(loss_contrast=count, acc_contrast=count)
        return dict(loss_contrast=self.loss_weight * loss, acc_contrast=accuracy)

    def _groups(self, embeddings: Embeddings, data_samples: Sequence | None) -> Tensor:
        """What each clip shares with its positives, int64 [B * Vs]: the number of the video, or the speed."""
        if self.positives == 'same_pace':
            return self.gather_of_views(data_samples, 'gt_speed', embeddings).flatten()
        num_videos, num_views = embeddings.student.shape[:2]
        if num_views < 2:
            raise ConfigError(
                "NTXentHead(positives='same_context') needs two clips of a video or more, got 1; set num_views=2 of the "
                'sampler'
            )
        first = get_rank() * num_videos
        return torch.arange(first, first + num_videos, device=embeddings.student.device).repeat_interleave(num_views)
