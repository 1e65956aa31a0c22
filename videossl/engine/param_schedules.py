"""Schedules of learning rates that go on beyond the end they were begun with."""

from collections.abc import Iterator

from mmengine.optim import _ParamScheduler

# What a config says of a schedule; mmengine puts back the checkpoint's.
SETTINGS = (
    'begin',
    'by_epoch',
    'T_max',
    'eta_min',
    'eta_min_ratio',
    'milestones',
    'gamma',
    'step_size',
    'power',
    'factor',
    'start_factor',
    'end_factor',
    'total_iters',
)


def adopt_ends(runner, saved: list | dict | None) -> list[tuple[_ParamScheduler, int]]:
    """Let each saved schedule end where the run's own does.

    mmengine's schedules end, where the config does not say when, with the run: at its last epoch. It saves that, and so
    a run resumed for more epochs keeps the last learning rate. The log says what is adopted, and which other settings
    of the config do not count, since the schedule goes on with the checkpoint's.

    Args:
        runner: mmengine's, with its schedules built.
        saved: ``param_schedulers`` of the checkpoint, changed in place.

    Returns:
        Schedules with the number of steps that they did not take, being at their end; see :func:`make_up_steps`.
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
    """Each schedule with its saved state; with several optimisers there are schedules for each of them."""
    if isinstance(schedules, dict) and isinstance(saved, dict):
        for name in schedules:
            yield from zip(schedules[name], saved.get(name, []))
    elif isinstance(schedules, list) and isinstance(saved, list):
        yield from zip(schedules, saved)


def plain(value):
    """``MultiStepLR`` counts its milestones."""
    return dict(value) if isinstance(value, dict) else value
