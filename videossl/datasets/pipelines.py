"""Pipelines: the transforms that a sample passes through, as named steps or as a list."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from videossl.registry import TRANSFORMS

Step = dict | Callable
Pipeline = Mapping[str, Step | None] | Sequence[Step | None]
"""Steps by name, or a list of steps; None is left out."""

AFTER = '_after_'


def pipeline_steps(pipeline: Pipeline) -> list[Any]:
    """The steps of a pipeline in the order in which they run.

    A pipeline is a list (mmaction2's form) or a dict of named steps, which run in the dict's order. A step that is None or
    an empty dict is left out; an empty one keeps a position for a config that inherits it, since mmengine merges a dict
    into a dict only. Merging puts a new key at the end of a dict; ``_after_='sample'`` in such a step moves it to directly
    behind the step of that name, which may itself be left out.

    Args:
        pipeline: configs of transforms, or built transforms.

    Returns:
        New list; its configs have no ``_after_``.

    Raises:
        ValueError: a named step is neither a config nor a transform, or ``_after_`` names no step.

    Examples:
        >>> pipeline_steps(dict(open=dict(type='A'), pack=dict(type='C'), jitter=dict(type='B', _after_='open')))
        [{'type': 'A'}, {'type': 'B'}, {'type': 'C'}]
    """
    if not isinstance(pipeline, Mapping):
        return [step for step in pipeline if not _is_left_out(step)]
    for name, step in pipeline.items():
        if not (step is None or callable(step) or isinstance(step, dict)):
            raise ValueError(
                f'step "{name}" of the pipeline must be the config of a transform or None, but is {step!r}'
            )
    moved = {name: step for name, step in pipeline.items() if isinstance(step, dict) and AFTER in step}
    names = [name for name in pipeline if name not in moved]
    while moved:
        placeable = [name for name, step in moved.items() if step[AFTER] in names]
        if not placeable:
            name, step = next(iter(moved.items()))
            raise ValueError(f'step "{name}" of the pipeline is {AFTER} "{step[AFTER]}", which is not one of {names}')
        names.insert(names.index(moved.pop(placeable[0])[AFTER]) + 1, placeable[0])
    steps = [pipeline[name] for name in names if not _is_left_out(pipeline[name])]
    return [
        type(step)({key: step[key] for key in step if key != AFTER})
        if isinstance(step, dict) and AFTER in step
        else step
        for step in steps
    ]


def _is_left_out(step: Step | None) -> bool:
    return step is None or isinstance(step, dict) and not step


def build_pipeline(pipeline: Pipeline) -> list[Callable]:
    """The transforms of a pipeline, built in scope videossl where they are configs."""
    return [
        TRANSFORMS.build({'_scope_': 'videossl', **step}) if isinstance(step, dict) else step
        for step in pipeline_steps(pipeline)
    ]
