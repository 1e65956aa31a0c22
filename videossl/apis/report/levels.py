"""What guessing gives, and what cannot be passed, for the quantities that a run logs."""

from typing import Any

from videossl.checkpoints.embedded_config import without_initialisation
from videossl.datasets.pipelines import pipeline_steps
from videossl.datasets.transforms import ClipSampler
from videossl.registry import MODELS, SCOPES, registered
from videossl.visualization import sampler_of

from .work_folder import Notes, RunFolder


def chance_levels(run: RunFolder, notes: Notes) -> dict[str, float]:
    """Accuracy of guessing among equally likely classes, by name, as far as the config tells the number of classes."""
    model = run.config.get('model') or {}
    found: dict[str, float] = {}
    classes = (model.get('cls_head') or {}).get('num_classes')
    if isinstance(classes, int) and classes > 0:
        for prefix in ('top{}_acc', 'acc/top{}'):
            found.update({prefix.format(number): min(1.0, number / classes) for number in (1, 5)})
    for head in built_heads(run, notes):
        if isinstance(getattr(head, 'num_classes', None), int) and isinstance(getattr(head, 'name', None), str):
            found[f'acc_{head.name}'] = 1 / head.num_classes
    found.update(of_sampler(run, notes, 'guesses'))
    return found


def ceiling_levels(run: RunFolder, notes: Notes) -> dict[str, float]:
    """The highest accuracy that a head can reach, by name, where its sampler says that some labels cannot be seen."""
    return of_sampler(run, notes, 'ceilings')


def of_sampler(run: RunFolder, notes: Notes, what: str) -> dict[str, float]:
    """What a sampler says of its labels, by the accuracy of the head that predicts each."""

    def build() -> ClipSampler | None:
        steps = pipeline_steps(run.dataset('train').get('pipeline') or [])
        return sampler_of([step for step in steps if not any(map(is_part, step.values()))])

    sampler = notes.attempt(f'{run.name}: the sampler in its config', None, build)
    values = {} if sampler is None else getattr(sampler, what)()
    return {
        f'acc_{head.name}': values[head.label]
        for head in built_heads(run, notes)
        if getattr(head, 'label', None) in values
    }


def built_heads(run: RunFolder, notes: Notes) -> list[Any]:
    """The heads of a pretraining's config, but for those with parts of their own.

    A work folder may come from a stranger: a head is built if its type is registered and declares what a
    :class:`~videossl.models.PretextHead` declares. A part within it could be of any type.
    """
    heads = (run.config.get('model') or {}).get('heads') or {}

    def build() -> list[Any]:
        found = []
        for head in heads.values():
            settings = without_initialisation(head)
            kinds = registered(MODELS, settings.get('type'))
            if kinds and hasattr(kinds[0], 'labels_read') and not any(map(is_part, settings.values())):
                found.append(MODELS.build({**settings, '_scope_': SCOPES[0]}))
        return found

    return notes.attempt(f'{run.name}: the heads in its config', [], build) if isinstance(heads, dict) else []


def is_part(value: Any) -> bool:
    """Whether a value of a config describes a part, or holds one."""
    if isinstance(value, dict):
        return 'type' in value or is_part(list(value.values()))
    return isinstance(value, (list, tuple)) and any(map(is_part, value))
