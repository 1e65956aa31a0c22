"""What mmengine's checkpoints lack for a run to go on bit by bit."""

from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import CheckpointHook, Hook
from mmengine.optim import OptimWrapper

from videossl.checkpoints.hand_off import HandOffError
from videossl.engine.param_schedules import adopt_ends, make_up_steps
from videossl.engine.resumable_loops import ResumableLoop, sampler_of
from videossl.random_states import random_states, set_random_states
from videossl.registry import HOOKS
from videossl.wrappers import unwrap

from .momentum_hooks import moving_statistics
from .whole_checkpoint_hook import misfits


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Saves in each checkpoint, and restores before the first iteration, what a run needs to go on bit by bit and
    mmengine 0.10.7 leaves out.

    - The random states of every process, from which e.g. dropout draws, and of several processes the batch-norm
      statistics, which each takes of its own clips.
    - The sampler's seed, also where it was a random one.
    - With gradients accumulated over several iterations, those of a step that is not done yet, and the teacher's keys
      that wait for it: so a checkpoint may fall anywhere.
    - How many batches an epoch has, so that :class:`~videossl.engine.ResumableEpochBasedTrainLoop` finds the next one,
      or notices that the data has changed.
    - Whether the validation after it is done.

    Where the run goes on for more epochs than it was begun for, mmengine would keep the learning rate of the old end;
    here the schedule goes on as if it had been meant so from the start.

    With a resumable loop and :class:`~videossl.engine.DrawSampler`, one process on a CPU gives the same bits as a run
    without a break, with any number of workers. Several processes go on as exactly as their sums repeat.
    """

    # After all hooks that draw or change anything before training, and before the checkpoint hook.
    priority = 'LOW'

    def __init__(self) -> None:
        self.resumed: dict | None = None
        self.missed_steps: list = []
        self.process_states: list[dict] | None = None
        self.is_training = False

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if not runner._resume:
            return
        faults = misfits(runner.model, checkpoint)
        if faults:
            raise HandOffError(
                f'--resume: the checkpoint is of another model: {len(faults)} tensors are missing in it or of '
                f'another shape, e.g. {"; ".join(faults[:3])}. Go on with the config, and the --cfg-options, that '
                'it was trained with, or begin anew from its backbone with --init-from'
            )
        self.resumed = checkpoint.get('exact_resume')
        runner.train_loop.resumed = self.resumed
        if self.resumed is None:
            runner.logger.warning(
                'the checkpoint has no random states, so the run does not go on bit by bit: it was '
                'saved without ExactResumeHook'
            )
        self.missed_steps = adopt_ends(runner, checkpoint.get('param_schedulers'))

    def before_train(self, runner) -> None:
        self.is_training = True
        make_up_steps(self.missed_steps)
        self.missed_steps = []
        if self.resumed is None:
            return
        resumed, self.resumed = self.resumed, None
        sampler = sampler_of(runner.train_loop.dataloader)
        if resumed['sampler_seed'] is not None and hasattr(sampler, 'seed'):
            sampler.seed = resumed['sampler_seed']
        states = resumed['processes']
        if len(states) != get_world_size():
            runner.logger.warning(
                f'{len(states)} process(es) saved the checkpoint and {get_world_size()} go on from '
                'it: random states, and gradients of a step that was not done, are not restored'
            )
            return
        restore_process(runner, states[get_rank()])

    def after_train(self, runner) -> None:
        self.is_training = False

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.process_states = None

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if get_world_size() > 1 and any(saves_after_iteration(hook, runner) for hook in checkpoint_hooks(runner)):
            self.gather(runner)

    def after_train_epoch(self, runner) -> None:
        if get_world_size() > 1 and any(saves_after_epoch(hook, runner) for hook in checkpoint_hooks(runner)):
            self.gather(runner)

    def before_val(self, runner) -> None:
        # The best checkpoint is saved in validation, and the last one once more, while training stands still.
        if self.is_training:
            self.gather(runner)

    def after_val(self, runner) -> None:
        self.process_states = None

    def gather(self, runner) -> None:
        """Let the first process, which alone writes checkpoints, know the states of all. All have to call this."""
        self.process_states = all_gather_object(process_state(runner))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        loop = runner.train_loop
        resumable = isinstance(loop, ResumableLoop)
        seed = getattr(sampler_of(loop.dataloader), 'seed', None)
        checkpoint['exact_resume'] = dict(
            processes=self.process_states or [process_state(runner)], sampler_seed=None if seed is None else int(seed)
        )
        if resumable:
            checkpoint['exact_resume'].update(position=loop.position(), validated_iter=loop.validated_iter)


def process_state(runner) -> dict:
    """What each process has of its own: random states, and those parts of a step that wait for its other iterations."""
    state = dict(random_states=random_states())
    wrapper, model = runner.optim_wrapper, unwrap(runner.model)
    if get_world_size() > 1:
        state['statistics'] = {name: buffer.cpu() for name, buffer in moving_statistics(model).items()}
    if isinstance(wrapper, OptimWrapper) and not wrapper.should_update():
        state['gradients'] = {
            name: parameter.grad.cpu() for name, parameter in model.named_parameters() if parameter.grad is not None
        }
        state['pending_keys'] = [keys.cpu() for keys in getattr(model, 'pending_keys', [])]
    return state


def restore_process(runner, state: dict) -> None:
    """Put this process where :func:`process_state` found it."""
    model = unwrap(runner.model)
    device = next(model.parameters()).device
    statistics = moving_statistics(model)
    for name, value in state.get('statistics', {}).items():
        statistics[name].copy_(value)
    for name, parameter in model.named_parameters():
        if name in state.get('gradients', {}):
            parameter.grad = state['gradients'][name].to(device)
    if state.get('pending_keys'):
        model.pending_keys[:] = [keys.to(device) for keys in state['pending_keys']]
    if 'gradients' in state:
        runner.logger.info('the gradients of the step that was not done yet are restored')
    set_random_states(state['random_states'])


def checkpoint_hooks(runner) -> list[CheckpointHook]:
    return [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]


def saves_after_iteration(hook: CheckpointHook, runner) -> bool:
    return not hook.by_epoch and (
        hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
        or (hook.save_last and hook.is_last_train_iter(runner))
    )


def saves_after_epoch(hook: CheckpointHook, runner) -> bool:
    return hook.by_epoch and (
        hook.every_n_epochs(runner, hook.interval, hook.save_begin)
        or (hook.save_last and hook.is_last_train_epoch(runner))
    )
