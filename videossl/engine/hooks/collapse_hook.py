"""A warning when the embeddings of all videos have become the same."""

import torch
from mmengine.hooks import Hook
from torch import Tensor

from videossl.checks import check_integer
from videossl.engine.late_values import reading_waits
from videossl.errors import ConfigError
from videossl.evaluation.effective_rank import effective_rank
from videossl.registry import HOOKS
from videossl.wrappers import unwrap


@HOOKS.register_module()
class CollapseHook(Hook):
    """Warns where the student's embeddings have been nearly the same for all videos of a batch for many iterations.

    It reads ``std_student`` of the log: 1 for embeddings spread evenly over the sphere, 0 where all are the same. Models
    that do not log it are ignored, and so are iterations without it, those on one video. The warning comes after each
    ``patience`` consecutive iterations with a low value. The count is kept when a run is resumed. On an accelerator the
    values are read every ``rank_interval`` iterations, so that the host does not wait in each.

    Embeddings may also collapse to a few directions, in which their spread is high. So the log shows ``rank_student``: the
    effective rank (:func:`~videossl.evaluation.effective_rank`) of the student's embeddings of one batch, at most the
    number of embeddings or their dimension. With several processes it is that of the first.

    Args:
        threshold: a lower ``std_student`` counts as a collapse. In runs that learnt something its average over 20
            iterations was 0.08 at the lowest, mostly 0.3 to 0.9.
        patience: consecutive iterations before a warning.
        rank_interval: iterations from one ``rank_student`` to the next.
    """

    def __init__(self, threshold: float = 0.05, patience: int = 200, rank_interval: int = 20) -> None:
        if not 0 < threshold < 1:
            raise ConfigError(f'CollapseHook: threshold must lie between 0 and 1, got {threshold!r}')
        check_integer('CollapseHook: patience', patience)
        check_integer('CollapseHook: rank_interval', rank_interval)
        self.threshold = threshold
        self.patience = patience
        self.rank_interval = rank_interval
        self.iterations = 0
        self.unread: list[Tensor] = []  # of the last iterations

    def before_train(self, runner) -> None:
        self.unread.clear()
        if runner.iter == 0:
            self.iterations = 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        deviation = (outputs or {}).get('std_student')
        if deviation is None:
            return
        self.unread.append(torch.as_tensor(deviation).detach())
        if self.every_n_train_iters(runner, self.rank_interval):
            self._log_rank(runner)
        elif reading_waits(deviation):
            return
        self._count(runner)

    def _count(self, runner) -> None:
        """Count the iterations that are not yet counted."""
        unread, self.unread = self.unread, []
        for deviation in torch.stack(unread).tolist() if unread else ():
            self.iterations = self.iterations + 1 if deviation < self.threshold else 0
            if self.iterations and self.iterations % self.patience == 0:
                self._warn(runner, deviation)

    def _warn(self, runner, deviation: float) -> None:
        runner.logger.warning(
            f'the embeddings have collapsed: std_student has been below {self.threshold} for {self.iterations} '
            f'iterations (now {deviation:.4f}), so the embeddings of all videos are nearly the same, and what '
            'follows will be worth little. What helps: a lower learning rate (optim_wrapper.optimizer.lr), a '
            'slower teacher (momentum of MomentumTeacherHook in custom_hooks), a higher temperature of the student '
            '(e.g. model.heads.distill.student_temperature). Start again: a collapse seldom heals'
        )

    def _log_rank(self, runner) -> None:
        embeddings = getattr(unwrap(runner.model), 'student_embeddings', None)
        # Not of NaN, after which the loss guard decides.
        if embeddings is not None and embeddings.isfinite().all():
            runner.message_hub.update_scalar('train/rank_student', effective_rank(embeddings.float().cpu().numpy()))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        self._count(runner)
        checkpoint['collapse'] = dict(iterations=self.iterations)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        self.iterations = checkpoint.get('collapse', {}).get('iterations', 0)
