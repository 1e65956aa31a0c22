"""Learning-rate schedules of runs that are resumed for more epochs or iterations."""

from collections.abc import Iterator

from mmengine.optim import _ParamScheduler

# Settings of a schedule that mmengine restores from the checkpoint, whatever the config says.
SETTINGS = (
    *('begin', 'by_epoch', 'T_max', 'eta_min', 'eta_min_ratio', 'milestones', 'gamma', 'step_size', 'power', 'factor'),
    *('start_factor', 'end_factor', 'total_iters'),
)


def adopt_ends(runner, saved: list | dict | None) -> list[tuple[_ParamScheduler, int]]:
    """Let each saved schedule end where the schedule of this run ends.

    Without an end in the config, mmengine's schedules end at the run's last epoch. The end is saved in the checkpoint, so a
    run resumed for more epochs would keep the last learning rate. The log names the ends that are adopted, and the settings
    of the config that have no effect because the schedule goes on with those of the checkpoint.

    Args:
        runner: mmengine's, with its schedules built.
        saved: ``param_schedulers`` of the checkpoint, changed in place.

    Returns:
        Schedules with the number of steps that they did not take after their old end; see :func:`make_up_steps`.
    """
    missed = []
    for schedule, state in paired(runner.param_schedulers, saved):
        name = type(schedule).__name__
        old_end, steps = state.get('end'), state.get('_global_step', 0)
        if old_end is not None and schedule.end != old_end:
            unit = 'epoch' if schedule.by_epoch else 'iteration'
            runner.logger.info(
                f'{name} ends at {unit} {schedule.end} instead of {old_end}, as it would have without a break'
            )
            state['end'] = schedule.end
            missed.append((schedule, max(0, min(steps, schedule.end - 1) - old_end + 1)))
        others = [
            f'{key}={plain(state[key])} instead of {plain(getattr(schedule, key))}'
            for key in SETTINGS
            if key in state and hasattr(schedule, key) and plain(state[key]) != plain(getattr(schedule, key))
        ]
        if others:
            runner.logger.warning(
                f'{name} goes on with the settings of the checkpoint: {", ".join(others)}. To train '
                'with those of the config, start anew from the weights (--init-from, or load_from)'
            )
    return missed


def make_up_steps(missed: list[tuple[_ParamScheduler, int]]) -> None:
    """Take the steps that schedules did not take at their old end."""
    for schedule, steps in missed:
        for _ in range(steps):
            schedule.last_step += 1
            for group, value in zip(schedule.optimizer.param_groups, schedule._get_value()):
                group[schedule.param_name] = value
            schedule._last_value = [group[schedule.param_name] for group in schedule.optimizer.param_groups]


def paired(schedules: list | dict | None, saved: list | dict | None) -> Iterator[tuple[_ParamScheduler, dict]]:
    """Each schedule with its saved state. With a dict of optimisers there are schedules for each of them."""
    if isinstance(schedules, dict) and isinstance(saved, dict):
        for name in schedules:
            yield from zip(schedules[name], saved.get(name, []))
    elif isinstance(schedules, list) and isinstance(saved, list):
        yield from zip(schedules, saved)


def plain(value):
    """A setting that can be compared: ``MultiStepLR`` holds its milestones in a Counter."""
    return dict(value) if isinstance(value, dict) else value
