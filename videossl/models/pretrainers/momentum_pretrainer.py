"""An encoder with an averaged teacher and a memory bank."""

import copy
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule, ModuleDict
from mmengine.model.weight_init import PretrainedInit
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.registry import MODELS

from .pretrainer import Pretrainer, add_results, branch_of, build, build_all, run_neck
from .shuffle import check_equal_batches, with_shuffled_batch


@MODELS.register_module()
class MomentumPretrainer(Pretrainer):
    """A student encoder, its averaged teacher, and a memory bank of the teacher's embeddings.

    auxSKD is this with a :class:`~videossl.models.SimilarityDistillHead`, RSPNet with an
    :class:`~videossl.models.InfoNCEHead` and a :class:`~videossl.models.RelativeSpeedHead`. One iteration is Algorithm
    1 of "Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation"
    (Dadashzadeh, Whone, Mirmehdi, 2021): the student embeds its view; the teacher moves towards the student; the
    teacher embeds the other view; the loss is taken against the bank as it was; the teacher's embeddings are enqueued;
    the student takes its step. Two hooks do what is not forward or backward:
    :class:`~videossl.engine.MomentumTeacherHook` moves the teacher before the iteration (the student's forward pass
    changes no parameter, so that is the same order), and :class:`~videossl.engine.MemoryBankHook` enqueues
    ``pending_keys`` after it. Without both, training is refused.

    The teacher starts as a copy of the student when training starts, not when this is built: weights are initialised
    or handed over in between. It has only what its embeddings need: the necks that heads read from it, and of a
    backbone with branches those that these necks read. Only its parameters are averaged. It runs in train mode, and its
    batch-norm statistics come from its own forward passes, one for each of its views.

    Args:
        backbone, heads, necks, data_preprocessor: as in :class:`Pretrainer`. Here a head's loss is
            ``loss(student=[B, Vs, D], teacher=[B, Vt, D], bank=[H, D], data_samples=...)``, embeddings L2-normalised.
            A head with ``needs_teacher = False`` gets the student's embedding as it is, and ``teacher=None``.
        predictors: named as the necks they follow; for the student alone.
        memory_bank: the anchors.
        student_views: which of the V clips of a sample the student sees. Algorithm 1: the first. (The text of section
            3.1 has it the other way round; the views are drawn alike, so it makes no difference.)
        teacher_views: which of them the teacher sees, in the order in which they pass through it, one after another.
        enqueue: ``(embedding, teacher view)``: which of the teacher's embeddings enter the bank; the view is a place in
            ``teacher_views``.
        shuffle_teacher: whether with several processes each runs the teacher on a random part of all processes' clips
            (ShuffleBN, see :func:`~.shuffle.with_shuffled_batch`). Without effect on a single process, and with
            synchronised batch norm unnecessary.
    """

    required_hooks = ('MomentumTeacherHook', 'MemoryBankHook')

    def __init__(
        self,
        backbone: nn.Module | dict,
        heads: dict[str, nn.Module | dict],
        necks: dict[str, nn.Module | dict],
        memory_bank: nn.Module | dict,
        predictors: dict[str, nn.Module | dict] | None = None,
        student_views: Sequence[int] = (0,),
        teacher_views: Sequence[int] = (1,),
        enqueue: tuple[str, int] = ('projection', 0),
        shuffle_teacher: bool = False,
        data_preprocessor: nn.Module | dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(backbone, heads, necks, data_preprocessor, init_cfg)
        self.predictors = build_all(predictors)
        self.memory_bank = build(memory_bank)
        self.teacher_embeddings = [
            name
            for name in self.embeddings_in_use
            if any(head.embedding == name and needs_teacher(head) for head in self.heads.values())
        ]
        self.teacher = self._build_teacher()
        self.student_views = list(student_views)
        self.teacher_views = list(teacher_views)
        self.enqueue_embedding, self.enqueue_view = enqueue
        self.shuffle_teacher = shuffle_teacher
        if self.enqueue_embedding not in self.teacher_embeddings or self.enqueue_view >= len(self.teacher_views):
            raise ValueError(
                f'enqueue={enqueue} names no embedding that a head reads ({self.teacher_embeddings}) or no '
                f'view of teacher_views={teacher_views}'
            )
        for name in self.predictors:
            if name not in self.embeddings_in_use:
                raise ValueError(
                    f'predictors.{name} follows no neck that a head reads; those are {self.embeddings_in_use}'
                )
        self.attached_hooks: set[str] = set()
        self.pending_keys: list[Tensor] = []
        self.step_skipped = False

    def _build_teacher(self) -> nn.ModuleDict:
        """The parts of the encoder that the teacher's embeddings need."""
        # The copies of necks and backbone are made one by one: a head, and so its frozen parsing network, is in neither.
        necks = ModuleDict({name: copy.deepcopy(self.necks[name]) for name in self.teacher_embeddings})
        backbone = copy.deepcopy(self.backbone)
        branches = {branch_of(neck) for neck in necks.values()}
        if None not in branches and hasattr(backbone, 'keep_branches'):
            backbone.keep_branches([name for name in backbone.branch_names if name in branches])
        return nn.ModuleDict(dict(backbone=backbone, necks=necks)).requires_grad_(False)

    def init_weights(self) -> None:
        """Initialise the student; the teacher becomes its copy when training starts."""
        # mmengine initialises every child; the teacher's turn would only cost time and random numbers.
        teacher = self._modules.pop('teacher')
        try:
            super().init_weights()
        finally:
            self._modules['teacher'] = teacher

    def teacher_pairs(self) -> list[tuple[Tensor, Tensor]]:
        """(teacher's parameter, student's parameter) for every parameter that is averaged."""
        student = dict(self.named_parameters())
        return [(parameter, student[name]) for name, parameter in self.teacher.named_parameters()]

    @torch.no_grad()
    def copy_student_to_teacher(self) -> None:
        """Make the teacher an exact copy of those parts of the student's encoder that it has, buffers included."""
        student = self.state_dict()
        for name, tensor in self.teacher.state_dict().items():
            tensor.copy_(student[name])

    @torch.no_grad()
    def initialise_teacher(self) -> None:
        """Give the teacher random weights of its own: each layer's, then those of ``init_cfg``, but no pretrained ones.

        The draws are from torch's generator; with several processes their teachers need to be made equal afterwards.
        """
        for module in reversed(list(self.teacher.modules())):  # a whole after its parts: it may draw them otherwise
            if hasattr(module, 'reset_parameters'):
                module.reset_parameters()
            if isinstance(module, BaseModule):
                module.init_cfg = without_pretrained(module.init_cfg)
                module.is_init = False
        for part in self.teacher.children():
            if hasattr(part, 'init_weights'):
                part.init_weights()

    @torch.no_grad()
    def move_teacher(self, momentum: float) -> None:
        """theta_T <- momentum * theta_T + (1 - momentum) * theta_S, parameters only."""
        teachers, students = zip(*self.teacher_pairs())
        torch._foreach_lerp_(list(teachers), list(students), 1 - momentum)

    @torch.no_grad()
    def embed_with_teacher(self, inputs: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """The teacher's named embeddings, each [B, Vt, D], L2-normalised in fp32, of clips [B, Vt, 3, T, H, W].

        Each view passes through the teacher by itself, in the order of ``teacher_views``, so that its batch-norm
        statistics are its own.
        """

        def embed(clips: Tensor) -> dict[str, Tensor]:
            feature_map = self.teacher['backbone'](clips)
            necks = self.teacher['necks']
            return {name: F.normalize(run_neck(necks[name], feature_map).float(), dim=1) for name in names}

        if self.shuffle_teacher:
            views = [with_shuffled_batch(embed, clips) for clips in inputs.unbind(1)]
        else:
            views = [embed(clips) for clips in inputs.unbind(1)]
        return {name: torch.stack([view[name] for view in views], dim=1) for name in names}

    def loss(self, inputs: Tensor, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """All heads' losses and accuracies, and the embeddings' standard deviations as signs of collapse.

        Args:
            inputs: [B, V, 3, T, H, W], normalised, with the V views that ``student_views`` and ``teacher_views`` name.
        """
        self._check_hooks()
        if inputs.shape[1] <= max(self.student_views + self.teacher_views):
            raise ValueError(
                f'student_views={self.student_views} and teacher_views={self.teacher_views} need more than '
                f'the {inputs.shape[1]} clips of a sample; set num_views of the sampler'
            )
        if self.shuffle_teacher:
            check_equal_batches(inputs)
        student = self.embed(select_views(inputs, self.student_views), self.embeddings_in_use)
        for name, predictor in self.predictors.items():
            student[name] = predictor(student[name].flatten(0, 1)).unflatten(0, student[name].shape[:2])
        normalised = {name: F.normalize(student[name].float(), dim=2) for name in self.teacher_embeddings}
        teacher = self.embed_with_teacher(select_views(inputs, self.teacher_views), self.teacher_embeddings)
        results: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            compared = dict(student=student[head.embedding], teacher=None)
            if needs_teacher(head):
                compared = dict(student=normalised[head.embedding], teacher=teacher[head.embedding])
            add_results(results, head.loss(**compared, bank=self.memory_bank.rows, data_samples=data_samples), name)
        if self.training:
            self.pending_keys.append(teacher[self.enqueue_embedding][:, self.enqueue_view].detach())
        results['std_student'] = spread(normalised[self.enqueue_embedding].flatten(0, 1))
        results['std_teacher'] = spread(teacher[self.enqueue_embedding].flatten(0, 1))
        return results

    def _check_hooks(self) -> None:
        missing = [name for name in self.required_hooks if name not in self.attached_hooks]
        if self.training and missing:
            raise RuntimeError(
                'training a MomentumPretrainer needs the hooks '
                + ' and '.join(missing)
                + '; add them to custom_hooks in the config: '
                + ', '.join(f"dict(type='{name}')" for name in missing)
            )


def select_views(inputs: Tensor, views: Sequence[int]) -> Tensor:
    """The named views of clips [B, V, ...]. An index that is a list would be copied to the device, and waited for."""
    return torch.stack([inputs[:, view] for view in views], dim=1)


def needs_teacher(head: nn.Module) -> bool:
    """Whether a head compares the student with the averaged teacher; most do."""
    return getattr(head, 'needs_teacher', True)


def without_pretrained(init_cfg: dict | list[dict] | None) -> list[dict]:
    """An initialisation config without the weights of a checkpoint."""
    cfgs = [init_cfg] if isinstance(init_cfg, dict) else init_cfg or []
    return [cfg for cfg in cfgs if cfg['type'] not in ('Pretrained', PretrainedInit)]


@torch.no_grad()
def spread(embeddings: Tensor) -> Tensor:
    """Standard deviation of normalised embeddings [N, D] over the batch, averaged over dimensions, times sqrt(D): near 1
    for embeddings spread evenly over the sphere, 0 where all are the same, which is a collapse."""
    return embeddings.detach().std(dim=0, correction=0).mean() * embeddings.shape[1] ** 0.5
