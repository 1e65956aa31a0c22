"""When a model's adversary begins."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from videossl.checks import check_integer
from videossl.errors import ConfigError
from videossl.registry import HOOKS
from videossl.wrappers import unwrap


@HOOKS.register_module()
class AdversaryHook(Hook):
    """Switches a model's adversary (``model.adversary``) on after some epochs. Until then the model trains as without it.

    Whether it is on follows from the epoch alone, so that a resumed run needs no saved state for it. In a loop over
    iterations an epoch is one pass over the data.

    Args:
        start_epoch: number of epochs before the adversary. VideoMoCo: 100 of 200, as an author says in the released code's
            issues. None: half of the training's, so that it follows ``max_epochs``.

    Raises:
        ConfigError: before training, the model has no adversary, or several processes would wait for it.
    """

    priority = 'NORMAL'

    def __init__(self, start_epoch: int | None = None) -> None:
        if start_epoch is not None:
            check_integer('AdversaryHook: start_epoch', start_epoch, minimum=0)
        self.start_epoch = start_epoch

    def before_train(self, runner: Runner) -> None:
        self._adversary_of(runner).active = False
        loop: Any = runner.train_loop
        epochs = loop.max_iters / len(loop.dataloader)
        self.first = int(epochs / 2) if self.start_epoch is None else self.start_epoch
        if self.first >= epochs:
            runner.logger.warning(
                f'AdversaryHook: start_epoch={self.start_epoch} is not before the end of the training, so that '
                'model.adversary never begins; lower start_epoch of AdversaryHook in custom_hooks, or raise '
                'train_cfg.max_epochs'
            )
        if self.first > 0 and getattr(runner.model, 'find_unused_parameters', True) is False:
            raise ConfigError(
                'find_unused_parameters: several processes would wait for gradients of model.adversary, which has none '
                'before it begins; set find_unused_parameters=True'
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        loop: Any = runner.train_loop
        epoch = loop.epoch if isinstance(loop, EpochBasedTrainLoop) else loop.iter // len(loop.dataloader)
        adversary, active = self._adversary_of(runner), epoch >= self.first
        if active and not adversary.active:
            runner.logger.info(f'the adversary is on from epoch {epoch + 1}')
        adversary.active = active

    @staticmethod
    def _adversary_of(runner: Runner) -> Any:
        adversary = getattr(unwrap(runner.model), 'adversary', None)
        if adversary is None:
            raise ConfigError(
                "custom_hooks: AdversaryHook needs model.adversary, such as dict(type='FrameDropAdversary'); remove the "
                'hook, or give the model one'
            )
        return adversary
