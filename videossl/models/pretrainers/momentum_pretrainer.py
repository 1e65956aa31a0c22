"""An encoder with an averaged teacher and a memory bank."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_gather, broadcast, get_world_size
from mmengine.model import BaseModule, ModuleDict
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.nn import functional as F

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import MODELS

from ..backbones import BranchedBackbone
from ..backbones.base import as_list, is_pretrained
from ..building import build
from ..embeddings import Embeddings
from ..frame_dropping import FrameDropAdversary
from ..heads.pretext_head import gather_labels
from ..memory_bank import MemoryBank
from .pretrainer import Pretrainer, add_results, branch_of, build_all, needs, run_neck
from .shuffle import check_equal_batches, with_shuffled_batch


@MODELS.register_module()
class MomentumPretrainer(Pretrainer):
    """A student encoder, its averaged teacher, and a memory bank of the teacher's embeddings.

    auxSKD is this with a :class:`~videossl.models.SimilarityDistillHead`, RSPNet with an
    :class:`~videossl.models.InfoNCEHead` and a :class:`~videossl.models.RelativeSpeedHead`. One iteration is Algorithm
    1 of "Auxiliary Learning for Self-Supervised Video Representation via Similarity-based Knowledge Distillation"
    (Dadashzadeh, Whone, Mirmehdi, 2021): the student embeds its view; the teacher moves towards the student; the
    teacher embeds the other view; the loss is taken against the bank as it was; the teacher's embeddings are enqueued;
    the student takes its step.

    Training calls :meth:`start_teacher` once, after the weights have been initialised or handed over, and
    :meth:`after_step` after each step of the optimiser. It moves the teacher right after a step instead of in the next
    iteration: in between no parameter changes, so this is the same. In an mmengine runner
    :class:`~videossl.engine.MomentumTeacherHook` and :class:`~videossl.engine.MemoryBankHook` do both; without them
    training is refused. ``examples/plain_pytorch.py`` trains without a runner.

    The teacher has only what its embeddings need: the necks that heads read from it, and of a backbone with branches
    those that these necks read. Only its parameters are averaged. It runs in train mode, and its batch-norm statistics
    come from its own forward passes, one for each of its views.

    Args:
        backbone, heads, necks, data_preprocessor: as in :class:`Pretrainer`. At least one head needs the teacher.
        predictors: named as the necks they follow; for the student alone.
        memory_bank: None where no head needs one. Each of its columns (:class:`~videossl.models.MemoryBank`) takes the teacher's
            embedding of its name, or the label, of the view that is enqueued.
        student_views: indices of the clips of a sample that the student sees. Algorithm 1: the first. (The text of
            section 3.1 has it the other way round; the views are drawn alike, so it makes no difference.)
        teacher_views: indices of the clips that the teacher sees, in the order in which they pass through it, one after
            another.
        enqueue: ``(embedding, index into teacher_views)``: the teacher's embedding that enters the bank, and whose
            standard deviation is logged. None: the first that a head compares with the teacher's, of the first view.
        pass_per_view: as in :class:`Pretrainer`, of the student.
        adversary: changes the student's clips in training, and has a loss of its own, see
            :class:`~videossl.models.FrameDropAdversary`. :class:`~videossl.engine.AdversaryHook` says when it begins. None:
            there is none.
        shuffle_teacher: whether with several processes each runs the teacher on a random part of all processes' clips
            (ShuffleBN, see :func:`~.shuffle.with_shuffled_batch`). Without effect on a single process, and with
            synchronised batch norm unnecessary.
    """

    has_teacher = True
    memory_bank: MemoryBank | None
    adversary: FrameDropAdversary | None
    teacher: nn.ModuleDict

    def __init__(
        self,
        backbone: nn.Module | dict,
        heads: dict[str, nn.Module | dict],
        necks: dict[str, nn.Module | dict] | None = None,
        memory_bank: nn.Module | dict | None = None,
        predictors: dict[str, nn.Module | dict] | None = None,
        student_views: Sequence[int] = (0,),
        teacher_views: Sequence[int] = (1,),
        enqueue: tuple[str, int] | None = None,
        shuffle_teacher: bool = False,
        data_preprocessor: nn.Module | dict | None = None,
        init_cfg: dict | list[dict] | None = None,
        pass_per_view: bool = False,
        adversary: nn.Module | dict | None = None,
    ) -> None:
        super().__init__(backbone, heads, necks, data_preprocessor, pass_per_view, init_cfg=init_cfg)
        self.predictors = build_all(predictors)
        self.memory_bank = None if memory_bank is None else build(memory_bank)
        self.adversary = None if adversary is None else build(adversary)
        compared = {head.embedding_name for head in self.heads.values() if needs(head, 'teacher')}
        self.teacher_embeddings = [name for name in self.necks if name in compared]
        if not self.teacher_embeddings:
            raise ConfigError('model.heads: no head compares with the averaged teacher; use model.type="Pretrainer"')
        for name, head in self.heads.items():
            if needs(head, 'bank') and self.memory_bank is None:
                raise ConfigError(
                    f'model.heads.{name}: {type(head).__name__} compares with the memory bank, and model.memory_bank is '
                    "None; give it dict(type='MemoryBank', size=..., dim=...)"
                )
        self.teacher = self._build_teacher()
        self.student_views = checked_views('student_views', student_views)
        self.teacher_views = checked_views('teacher_views', teacher_views)
        self.enqueue_embedding: str
        self.enqueue_embedding, self.enqueue_view = self._checked_enqueue(enqueue)
        self.shuffle_teacher = shuffle_teacher
        self._check_heads()
        for name in self.predictors:
            if name not in self.embeddings_in_use:
                raise ConfigError(
                    f'model.predictors.{name} follows no neck that a head reads; those are {self.embeddings_in_use}'
                )
        # The teacher's keys of the unfinished step: for each iteration the embeddings, then each column of the bank.
        self.pending_keys: list[Tensor] = []
        # [N, D] of the last batch, normalised: those that std_student is of.
        self.student_embeddings: Tensor | None = None

    @property
    def required_hooks(self) -> tuple[str, ...]:
        """Names of the hooks that a runner needs for this model."""
        wanted = dict(MemoryBankHook=self.memory_bank, AdversaryHook=self.adversary)
        return ('MomentumTeacherHook', *(name for name, part in wanted.items() if part is not None))

    def _checked_enqueue(self, enqueue: tuple[str, int] | None) -> tuple[str, int]:
        """The embedding that enters the bank, and its position in ``teacher_views``."""
        if enqueue is None:
            return self.teacher_embeddings[0], 0
        is_pair = isinstance(enqueue, Sequence) and not isinstance(enqueue, str) and len(enqueue) == 2
        if not is_pair or enqueue[0] not in self.teacher_embeddings or enqueue[1] not in range(len(self.teacher_views)):
            raise ConfigError(
                f'model.enqueue={enqueue!r} names no embedding that a head compares with the teacher '
                f'({self.teacher_embeddings}) or no position in teacher_views={self.teacher_views}; set it to '
                f'{(self.teacher_embeddings[0], 0)}, for instance'
            )
        return enqueue[0], enqueue[1]

    def _check_heads(self) -> None:
        """Refuse heads that the views, or the bank's columns, do not fit."""
        bank = self.memory_bank
        for name in bank.embeddings if bank is not None else ():
            if name not in self.teacher_embeddings:
                raise ConfigError(
                    f'model.memory_bank.embeddings.{name} names no embedding that a head compares with the teacher '
                    f'({self.teacher_embeddings})'
                )
        for name, head in self.heads.items():
            key = f'model.heads.{name}'
            if needs(head, 'teacher') and hasattr(head, 'check_views'):
                try:
                    head.check_views(len(self.student_views), len(self.teacher_views))
                except ConfigError as error:
                    raise ConfigError(f'{key}: {error}') from None
            unread = set(getattr(head, 'views_read', None) or ()) - set(self.student_views)
            if unread:
                raise ConfigError(
                    f'{key}: {type(head).__name__} reads the clips {sorted(unread)} of a sample, which are not among '
                    f'model.student_views={list(self.student_views)}'
                )
            for kind in ('embeddings', 'labels'):
                missing = set(getattr(head, f'bank_{kind}', ())) - set(getattr(bank, kind, ()))
                if missing:
                    raise ConfigError(
                        f'{key}: {type(head).__name__} reads columns of the memory bank that it does not have: '
                        f'{sorted(missing)}; add them to model.memory_bank.{kind}'
                    )
            query = getattr(head, 'query_name', None)
            if query is not None and query != self.enqueue_embedding:
                raise ConfigError(
                    f'{key}.query_name={query!r} finds rows by an embedding that is not the one in the bank; set '
                    f'model.enqueue=({query!r}, 0)'
                )
            unseen = set(self.student_views) - set(self.teacher_views)
            if query is not None and unseen:
                raise ConfigError(
                    f'{key}: {type(head).__name__} reads the embedding "{query}" of the clips that the student sees; '
                    f'add {sorted(unseen)} to model.teacher_views'
                )

    def _build_teacher(self) -> nn.ModuleDict:
        """The parts of the encoder that the teacher's embeddings need."""
        # Necks and backbone are copied one by one, without heads and their frozen parsing networks.
        necks = ModuleDict({name: copy.deepcopy(self.necks[name]) for name in self.teacher_embeddings})
        backbone = copy.deepcopy(self.backbone)
        branches = {branch_of(neck) for neck in necks.values()}
        if None not in branches and isinstance(backbone, BranchedBackbone):
            backbone.keep_branches([name for name in backbone.branch_names if name in branches])
        return nn.ModuleDict(dict(backbone=backbone, necks=necks)).requires_grad_(False)

    def init_weights(self) -> None:
        """Initialise the student; the teacher becomes its copy when training starts."""
        # mmengine initialises every child. For the teacher this would waste time and random numbers.
        teacher = self._modules.pop('teacher')
        try:
            super().init_weights()
        finally:
            self._modules['teacher'] = teacher

    @torch.no_grad()
    def start_teacher(self, copy_student: bool = True) -> None:
        """Make the teacher ready for the first iteration; call it when the student has the weights it starts from.

        Args:
            copy_student: the teacher becomes an exact copy of its parts of the student's encoder, with their buffers. False:
                it gets its own random weights, the same on every process.
        """
        if not copy_student:
            self._initialise_teacher()
            for tensor in self.teacher.state_dict().values():
                broadcast(tensor)  # rank 0's for all: each process has drawn its own
            return
        student = self.state_dict()
        for name, tensor in self.teacher.state_dict().items():
            tensor.copy_(student[name])

    def _initialise_teacher(self) -> None:
        """Draw the teacher's weights with torch's generator: each module's by ``reset_parameters``, then those of ``init_cfg``
        without pretrained weights."""
        for module in reversed(list(self.teacher.modules())):  # a module after its parts: it may draw them otherwise
            if callable(draw := getattr(module, 'reset_parameters', None)):
                draw()
            if isinstance(module, BaseModule):
                module.init_cfg = [cfg for cfg in as_list(module.init_cfg) if not is_pretrained(cfg)]
                module.is_init = False
        for part in self.teacher.children():
            if callable(initialise := getattr(part, 'init_weights', None)):
                initialise()

    @torch.no_grad()
    def move_teacher(self, momentum: float) -> None:
        """theta_T <- momentum * theta_T + (1 - momentum) * theta_S, parameters only."""
        student, teacher = dict(self.named_parameters()), dict(self.teacher.named_parameters())
        torch._foreach_lerp_(list(teacher.values()), [student[name] for name in teacher], 1 - momentum)

    def enqueue_pending_keys(self) -> None:
        """Write the keys of the step that was just taken into the bank: those of all processes, in the order of the
        ranks, so that every process has the same bank."""
        columns = [] if self.memory_bank is None else self.memory_bank.columns
        keys, *values = (torch.cat(self.pending_keys[number :: len(columns) + 1]) for number in range(len(columns) + 1))
        self.pending_keys.clear()
        if self.memory_bank is not None:
            self.memory_bank.enqueue(
                of_all_processes(keys), **{name: of_all_processes(value) for name, value in zip(columns, values)}
            )

    def after_step(self, momentum: float = 0.999) -> None:
        """Move the teacher and fill the bank. Call it once after each step of the optimiser in a training loop without the two
        hooks. After a step that was skipped because a loss or a gradient was not finite, call ``pending_keys.clear()`` instead.

        Args:
            momentum: see :meth:`move_teacher`. Paper: 0.999.
        """
        self.move_teacher(momentum)
        self.enqueue_pending_keys()

    @torch.no_grad()
    def embed_with_teacher(self, inputs: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """The teacher's named embeddings, each [B, Vt, D], L2-normalised in fp32, of clips [B, Vt, 3, T, H, W].

        Each view passes through the teacher by itself, in the order of ``teacher_views``, so that its batch-norm
        statistics are its own.
        """

        def embed(clips: Tensor) -> dict[str, Tensor]:
            feature_map = self.teacher['backbone'](clips)
            necks = self.teacher['necks']
            return {
                name: F.normalize(run_neck(necks.get_submodule(name), feature_map).float(), dim=1) for name in names
            }

        views = [
            with_shuffled_batch(embed, clips) if self.shuffle_teacher else embed(clips) for clips in inputs.unbind(1)
        ]
        return {name: torch.stack([view[name] for view in views], dim=1) for name in names}

    def embed_student(self, clips: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """The student's named embeddings, behind the predictors, each [B, Vs, D], of clips [B, Vs, 3, T, H, W]."""
        student = self.embed(clips, names)
        for name, predictor in self.predictors.items():
            if name in student:
                student[name] = predictor(student[name].flatten(0, 1)).unflatten(0, student[name].shape[:2])
        return student

    def loss(self, inputs: Tensor, data_samples: Sequence | None = None) -> dict[str, Tensor]:
        """All heads' losses and accuracies, and the embeddings' standard deviations as signs of collapse, of two videos or more.

        Args:
            inputs: [B, V, 3, T, H, W], normalised, with the V views that ``student_views`` and ``teacher_views`` name.
        """
        if inputs.shape[1] <= max(self.student_views + self.teacher_views):
            raise ConfigError(
                f'student_views={self.student_views} and teacher_views={self.teacher_views} need more than '
                f'the {inputs.shape[1]} clips of a sample; set num_views of the sampler'
            )
        if self.shuffle_teacher:
            check_equal_batches(inputs)
        clips = select_views(inputs, self.student_views)
        adversary = self.adversary if self.adversary is not None and self.adversary.active and self.training else None
        if adversary is not None:
            changed = adversary.drop(clips)
        student = self.embed_student(clips if adversary is None else changed.clips, self.embeddings_in_use)
        normalised = {name: F.normalize(student[name].float(), dim=2) for name in self.teacher_embeddings}
        teacher = self.embed_with_teacher(select_views(inputs, self.teacher_views), self.teacher_embeddings)
        self._check_widths(normalised, teacher)
        results: dict[str, Tensor] = {}
        for name, head in self.heads.items():
            compares, read = needs(head, 'teacher'), head.embedding_name
            embeddings = Embeddings(
                student=normalised[read] if compares else student[read],
                teacher=teacher[read] if compares else None,
                bank=self.memory_bank if needs(head, 'bank') else None,
                student_views=self.student_views,
                query=self._query_of(head, teacher),
            )
            add_results(results, head.loss(embeddings, data_samples), name)
        if adversary is not None:
            compared = self.enqueue_embedding
            # After the pass with gradients: autocast would keep weights that it has cast here without a gradient.
            with torch.no_grad():
                whole = F.normalize(self.embed_student(clips, [compared])[compared].float(), dim=2)
            add_results(results, adversary.loss(changed, normalised[compared], whole), 'adversary')
        if self.training:
            self.pending_keys.extend(self._keys_of(teacher, data_samples))
        self.student_embeddings = normalised[self.enqueue_embedding].flatten(0, 1).detach()
        if len(inputs) > 1:  # the embeddings of one video are to be the same
            results['std_student'] = embedding_std(self.student_embeddings)
            results['std_teacher'] = embedding_std(teacher[self.enqueue_embedding].flatten(0, 1))
        return results

    def _check_widths(self, student: dict[str, Tensor], teacher: dict[str, Tensor]) -> None:
        """Refuse embeddings that cannot be compared: of the predictors, and of the bank's rows and columns."""
        for name, embedding in teacher.items():
            width = embedding.shape[-1]
            if student[name].shape[-1] != width:
                raise ConfigError(
                    f'model.predictors.{name}.out_channels is {student[name].shape[-1]}, but the teacher\'s embedding "{name}" '
                    f'has {width} numbers; set it to that'
                )
        if self.memory_bank is not None:
            taken = {self.enqueue_embedding: ('dim', self.memory_bank.rows.shape[1])}
            columns = {name: (f'embeddings.{name}', size) for name, size in self.memory_bank.embeddings.items()}
            for name, (key, taken_width) in [*taken.items(), *columns.items()]:
                if taken_width != teacher[name].shape[-1]:
                    raise ConfigError(
                        f'model.memory_bank.{key}={taken_width} is not the width of the embedding "{name}", '
                        f'{teacher[name].shape[-1]}; set it to that'
                    )

    def _query_of(self, head: nn.Module, teacher: dict[str, Tensor]) -> Tensor | None:
        """The teacher's embedding of the clips that the student sees, by which a head finds rows of the bank."""
        name = getattr(head, 'query_name', None)
        if name is None:
            return None
        return select_views(teacher[name], [self.teacher_views.index(view) for view in self.student_views])

    def _keys_of(self, teacher: dict[str, Tensor], data_samples: Sequence | None) -> list[Tensor]:
        """What the bank takes of a batch: its embeddings [B, D], then each of its columns, [B, D] or int64 [B]."""
        bank, view = self.memory_bank, self.enqueue_view
        names = [self.enqueue_embedding] if bank is None else [self.enqueue_embedding, *bank.embeddings]
        keys = [teacher[name][:, view].detach() for name in names]
        for name in () if bank is None else bank.labels:
            labels = gather_labels(data_samples, name, 'MemoryBank').to(keys[0].device)
            keys.append(labels if labels.ndim == 1 else labels[:, self.teacher_views[view]])
        return keys

    def train_step(self, data: Any, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """One iteration of an mmengine runner.

        Raises:
            ConfigError: the keys of the step before are still there, so the runner has none of the hooks.
        """
        if self.pending_keys and begins_step(optim_wrapper):
            raise ConfigError(missing_hooks(self, self.required_hooks))
        return super().train_step(data, optim_wrapper)


def checked_views(name: str, views: Sequence[int]) -> list[int]:
    """Indices of clips as a list; an empty one, and anything but integers from 0, are refused."""
    if isinstance(views, str) or not isinstance(views, Sequence) or not views:
        raise ConfigError(f'model.{name} must be a list of one or more indices of clips, from 0, got {views!r}')
    for view in views:
        check_integer(f'each of model.{name}', view, minimum=0)
    return list(views)


def begins_step(optim_wrapper: OptimWrapper) -> bool:
    """Whether the coming iteration is the first of those whose gradients one optimiser step accumulates."""
    return optim_wrapper._inner_count % optim_wrapper._accumulative_counts == 0


def of_all_processes(rows: Tensor) -> Tensor:
    """Rows of every process, in the order of the ranks."""
    return torch.cat(all_gather(rows)) if get_world_size() > 1 else rows


def select_views(inputs: Tensor, views: Sequence[int]) -> Tensor:
    """The named views of clips [B, V, ...]. An index that is a list would be copied to the device, and waited for."""
    return torch.stack([inputs[:, view] for view in views], dim=1)


def missing_hooks(model: nn.Module, missing: Sequence[str]) -> str:
    """The message for a model that is trained in a runner without its hooks."""
    return (
        f'custom_hooks: {type(model).__name__} needs {" and ".join(missing)}; add '
        + ', '.join(f"dict(type='{name}')" for name in missing)
        + '. (A config that sets custom_hooks replaces those of its _base_, and has to name them all)'
    )


@torch.no_grad()
def embedding_std(embeddings: Tensor) -> Tensor:
    """Standard deviation of normalised embeddings [N, D] over the batch, averaged over dimensions, times sqrt(D): near 1
    for embeddings spread evenly over the sphere, 0 where all are the same, which is a collapse."""
    return embeddings.detach().std(dim=0, correction=0).mean() * embeddings.shape[1] ** 0.5
