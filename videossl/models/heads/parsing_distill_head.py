"""Distillation of a human parsing network: a clip's map learns to give the parsing of its middle frame."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_integer, checked_size
from videossl.registry import MODELS

from ..autocast import in_float32
from ..building import build
from ..embeddings import Embeddings
from .pretext_head import PretextHead


def soft_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    r"""Cross-entropy of a predicted map with soft classes (Equation 4), in fp32.

    .. math:: -\frac{1}{N} \sum_{i,j} \sum_{c} F_t(i,j,c) \log F_h(i,j,c)

    The paper calls it KL divergence; that is smaller by the entropy of F_t, which has no gradient.

    Args:
        logits: [N, C, h, w] of the student; F_h is their softmax.
        target: [N, C, h, w], F_t: probabilities that sum to 1 over C.

    Returns:
        A scalar, the mean over pixels and over the batch.
    """
    with in_float32(logits):
        return -(target.float() * F.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()


def mean_iou(prediction: Tensor, target: Tensor, num_classes: int, first_class: int = 0) -> Tensor:
    """Intersection over union of each class over all pixels of all maps, averaged over the classes that occur.

    Args:
        prediction: class of each pixel, int [...].
        target: the same shape.
        num_classes: classes are 0..num_classes - 1.
        first_class: 1 leaves out class 0, the background.

    Returns:
        A scalar in 0..1. A class that occurs in neither map takes no part.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f'mean_iou compares maps of one shape, got {tuple(prediction.shape)} and {tuple(target.shape)}'
        )
    # Sums of comparisons, as a histogram would make an accelerator wait.
    classes = torch.arange(first_class, num_classes, device=target.device).view(-1, 1)
    predicted, true = prediction.reshape(1, -1) == classes, target.reshape(1, -1) == classes
    intersection, union = (predicted & true).sum(1), (predicted | true).sum(1)
    return (intersection / union.clamp(min=1)).sum() / (union > 0).sum().clamp(min=1)


def best_constant_iou(target: Tensor, num_classes: int) -> Tensor:
    """:func:`mean_iou` of the best constant guess: the share of the most frequent class, divided by the number of classes
    that occur.

    Args:
        target: class of each pixel, int [...].
        num_classes: classes are 0..num_classes - 1.
    """
    classes = torch.arange(num_classes, device=target.device).view(-1, 1)
    shares = (target.reshape(1, -1) == classes).float().mean(dim=1)
    return shares.max() / (shares > 0).sum()


class Unregistered:
    """Holds a module without registering it as a submodule of the owner.

    The module is not in the owner's parameters(), state_dict() or modules(); copies of the owner share it.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __deepcopy__(self, memo: dict) -> 'Unregistered':
        return self


@MODELS.register_module()
class ParsingDistillHead(PretextHead):
    """A decoder gives the human parsing of a clip's middle frame; a frozen parsing network is its teacher.

    "Human-Centered Prior-Guided and Task-Dependent Multi-Task Representation Learning for Action Recognition
    Pre-Training", Wang, Lu, Zhou, He, Wang, 2022, section 3.1, Equations 2 to 4. The paper says "encoder-decoder" and
    no more; here the decoder averages the map over time, then doubles its sides three times (bilinear), each time
    followed by a 3x3 convolution, batch norm and ReLU, 512 - 256 - 128 - 64 channels, and ends with a 1x1 convolution:
    from 7x7 for clips of 112 pixels to 56x56.

    The targets are, in this order:

    * ``teacher``: the network runs on ``middle_frames`` (of ``EachClip(keep_middle_frame=True)``), which have the clip's
      crop and flip and the original colours;
    * the field ``parsing_logits`` of the data samples, stored maps (:class:`~videossl.datasets.LoadParsingMap`);
    * the field ``parsing_mask``, classes of pixels (:class:`~videossl.datasets.LoadShapeMask`).

    Logits are resized to the decoder's size (bilinear, ``align_corners=False``), then softmax gives soft targets at
    temperature 1. Masks become the share of each class in each of the decoder's pixels.

    The teacher is a ``torch.nn.Module`` with ``num_classes``, ``class_names``, ``left_right_pairs`` and
    ``forward(uint8 [N, 3, H, W] RGB) -> logits [N, num_classes, h, w]``. It is frozen, in eval mode and fp32, goes to
    the head's device, and is part of neither the head's parameters nor its state dict; copies of the head share it.

    Args:
        in_channels: channels of the map.
        num_classes: classes of the parsing: 20 for LIP, 18 for ATR, 7 for Pascal-Person-Part, 2 for MovingShapes.
        teacher: config, built in videossl's scope, or module; None: the targets come with the data.
        size: (height, width), or one number for both, that the predicted map is resized to; None: the decoder's own size.
            The default is the decoder's size for clips of 112 pixels.
        embedding_name: the neck whose map the head reads, a :class:`MapNeck`.
        loss_weight: lambda_k of Equation 7. The paper does not give it.
        view: index of the clip of a sample that is taught. It must be among the student's views.
        decoder_channels: width after each doubling.

    Raises:
        TypeError: the teacher lacks a required attribute.
        ValueError: the teacher has another number of classes, or an argument is out of range.
    """

    def __init__(
        self,
        in_channels: int = 512,
        num_classes: int = 20,
        teacher: nn.Module | dict | None = None,
        size: int | tuple[int, int] | None = 56,
        embedding_name: str = 'human_map',
        loss_weight: float = 1.0,
        view: int = 0,
        decoder_channels: Sequence[int] = (256, 128, 64),
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(embedding_name, loss_weight, init_cfg)
        check_integer('ParsingDistillHead: num_classes', num_classes, minimum=2)
        check_integer('ParsingDistillHead: view', view, minimum=0)
        self.size = checked_size('ParsingDistillHead: size', size)
        self.num_classes = num_classes
        self.view = view
        self.views_read = (view,)
        self.decoder = _decoder(in_channels, decoder_channels)
        self.classifier = nn.Conv2d([in_channels, *decoder_channels][-1], num_classes, kernel_size=1)
        self._teacher = None if teacher is None else Unregistered(_frozen_teacher(teacher, num_classes))
        self.labels_read = (('parsing_logits', 'parsing_mask'),) if teacher is None else ('middle_frames',)
        self.mask_was_checked = False

    @property
    def teacher(self) -> nn.Module | None:
        """The parsing network, None where the targets come with the data."""
        return None if self._teacher is None else self._teacher.module

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'ParsingDistillHead':
        """Called by ``to``, ``cuda`` and the like: the teacher follows to the device, and stays fp32."""
        super()._apply(fn, recurse)
        if self._teacher is not None:
            self._teacher.module.to(self.classifier.weight.device)
        return self

    def forward(self, feature_map: Tensor) -> Tensor:
        """Logits [N, num_classes, h, w], in fp32, of maps [N, in_channels, t, h', w'] (Equation 3)."""
        decoded = self.decoder(feature_map.mean(dim=2))
        with in_float32(decoded):
            logits = self.classifier(decoded.float())
            return logits if self.size is None else resize(logits, self.size)

    def loss(self, embeddings: Embeddings, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """Equation 4, and how near the decoder is to the parsing.

        Args:
            embeddings: student: maps [B, Vs, in_channels, t, h, w].
            data_samples: B samples with the targets, see the class.

        Returns:
            ``loss_parsing``; ``kl_parsing``, the cross-entropy without weight minus the target's entropy, 0 at the
            optimum; ``acc_parsing``, the share of pixels whose likeliest class is the target's; ``miou_parsing``, their
            :func:`mean_iou` over the batch; ``miou_parts``, the same without class 0, the background;
            ``miou_parsing_constant``, ``miou_parsing`` of a constant guess (:func:`best_constant_iou`).
        """
        student = embeddings.student
        if student.ndim != 6:
            raise ValueError(
                f'ParsingDistillHead reads feature maps [B, V, C, t, h, w], got {tuple(student.shape)}; '
                'its embedding must be a map, not a pooled vector'
            )
        if self.view not in embeddings.views:
            raise ValueError(f'ParsingDistillHead: view={self.view}, but the student has the views {embeddings.views}')
        logits = self(student[:, embeddings.views.index(self.view)])
        with torch.no_grad(), in_float32(logits):
            target = self._target(data_samples or [], logits)
        cross_entropy = soft_cross_entropy(logits, target)
        with torch.no_grad():
            entropy = -torch.xlogy(target, target).sum(dim=1).mean()
            predicted, true = logits.argmax(dim=1), target.argmax(dim=1)
            agreement = (predicted == true).float().mean()
            overlap = mean_iou(predicted, true, self.num_classes)
            parts = mean_iou(predicted, true, self.num_classes, first_class=1)
            constant = best_constant_iou(true, self.num_classes)
        return dict(
            loss_parsing=self.loss_weight * cross_entropy,
            kl_parsing=cross_entropy.detach() - entropy,
            acc_parsing=agreement,
            miou_parsing=overlap,
            miou_parts=parts,
            miou_parsing_constant=constant,
        )

    def _target(self, data_samples: Sequence, logits: Tensor) -> Tensor:
        """Soft classes [B, num_classes, h, w], fp32, of the logits' size."""
        if len(data_samples) != len(logits):
            raise ValueError(f'ParsingDistillHead: {len(data_samples)} data samples for {len(logits)} maps')
        (height, width), device = logits.shape[-2:], logits.device
        size = height, width
        if self._teacher is not None:
            frames = torch.stack([self._of_view(sample, 'middle_frames') for sample in data_samples]).to(device)
            teacher_logits = self._teacher.module(frames)
            self._check_classes(teacher_logits.shape[1], 'the teacher')
            return resize(teacher_logits.float(), size).softmax(dim=1)
        targets = []
        for sample in data_samples:
            if 'parsing_logits' in sample:
                stored = self._of_view(sample, 'parsing_logits').to(device)
                self._check_classes(len(stored), 'parsing_logits')
                targets.append(resize(stored.float()[None], size).softmax(dim=1))
            else:
                targets.append(self._shares(self._of_view(sample, 'parsing_mask').to(device), size))
        return torch.cat(targets)

    def _of_view(self, sample: Any, name: str) -> Tensor:
        """A field's part for the clip ``view``; a field holds all clips, or that clip alone."""
        if name not in sample:
            where = (
                'EachClip(keep_middle_frame=True)'
                if name == 'middle_frames'
                else 'LoadParsingMap (stored maps) or LoadShapeMask (MovingShapes) after EachClip, or give the head a teacher,'
            )
            raise KeyError(
                f'ParsingDistillHead reads the field "{name}", but no transform of the pipeline wrote it. Use '
                f'{where} and end the pipeline with PackClips'
            )
        field = sample.get(name)
        if len(field) > 1 and self.view >= len(field):
            raise ValueError(f'ParsingDistillHead: view={self.view}, but {name} is there for {len(field)} clips')
        return field[self.view if len(field) > 1 else 0]

    def _shares(self, mask: Tensor, size: tuple[int, int]) -> Tensor:
        """Classes of pixels [H, W] to the share of each class around each pixel of the new size [1, C, h, w]."""
        # On an accelerator, which the host would wait for, the first mask speaks for the data set.
        if mask.device.type == 'cpu' or not self.mask_was_checked:
            self.mask_was_checked = True
            if int(mask.min()) < 0 or int(mask.max()) >= self.num_classes:
                raise ValueError(
                    f'parsing_mask has classes {int(mask.min())} to {int(mask.max())}, which do not fit '
                    f'num_classes={self.num_classes} of ParsingDistillHead'
                )
        classes = torch.arange(self.num_classes, device=mask.device).view(1, -1, 1, 1)
        shares = (mask == classes).float()
        smaller = all(new <= old for new, old in zip(size, mask.shape))
        return F.interpolate(shares, size, mode='area') if smaller else resize(shares, size)

    def _check_classes(self, found: int, whose: str) -> None:
        if found != self.num_classes:
            raise ValueError(
                f'{whose} has {found} classes, ParsingDistillHead num_classes={self.num_classes}; they must '
                'be those of one data set'
            )


def resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps [N, C, h, w] at another size, bilinear; unchanged if they have that size."""
    if tuple(maps.shape[-2:]) == tuple(size):
        return maps
    return F.interpolate(maps, size, mode='bilinear', align_corners=False)


def _decoder(in_channels: int, widths: Sequence[int]) -> nn.Sequential:
    channels = [in_channels, *widths]
    blocks = []
    for inputs, outputs in zip(channels[:-1], channels[1:]):
        blocks.append(
            nn.Sequential(
                OrderedDict(
                    upsample=nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False),
                    conv=nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False),
                    bn=nn.BatchNorm2d(outputs),
                    relu=nn.ReLU(inplace=True),
                )
            )
        )
    return nn.Sequential(*blocks)


def _frozen_teacher(teacher: nn.Module | dict, num_classes: int) -> nn.Module:
    net = build(teacher)
    if isinstance(teacher, dict) and hasattr(net, 'init_weights'):
        net.init_weights()  # the model does not call it, since the network is not registered as its part
    name = type(net).__name__
    missing = [part for part in ('num_classes', 'class_names', 'left_right_pairs') if not hasattr(net, part)]
    if missing:
        raise TypeError(
            f'a parsing teacher needs num_classes, class_names, left_right_pairs and forward(uint8 frames '
            f'[N, 3, H, W]) -> logits; {name} has no {", ".join(missing)}'
        )
    if net.num_classes != num_classes:
        raise ValueError(
            f'{name} has {net.num_classes} classes ({", ".join(net.class_names[:3])}, ...), '
            f'ParsingDistillHead num_classes={num_classes}; set num_classes={net.num_classes}'
        )
    return net.float().eval().requires_grad_(False)
