"""All evaluations of two sets of features, and their table."""

import json
from collections.abc import Mapping, Sequence

from rich.table import Table

from videossl.errors import ConfigError
from videossl.features.clip_features import ClipFeatures
from videossl.features.protocols import Protocol, protocol_of

from .knn import knn
from .linear_probe import linear_probe
from .retrieval import clip_retrieval

EVALUATIONS = ('retrieval', 'knn', 'linear_probe')
TITLES = dict(retrieval='clip retrieval', knn='kNN', linear_probe='linear probe')


def evaluate_features(
    train: ClipFeatures,
    test: ClipFeatures,
    protocol: str | Protocol = 'auxskd',
    evaluations: Sequence[str] = EVALUATIONS,
    ks: Sequence[int] = (1, 5, 10, 20, 50),
    k: int = 20,
    temperature: float = 0.07,
    probe: str = 'logistic',
    train_on: str = 'views',
) -> dict[str, dict]:
    """Retrieval, kNN and linear probe from one extraction.

    Args:
        train: the gallery, and training set of the probe.
        test: the queries, and test set of the probe.
        protocol: its ``average`` and ``center`` are used here.
        evaluations: some of :data:`EVALUATIONS`.
        ks: of :func:`~videossl.evaluation.clip_retrieval`.
        k, temperature: of :func:`~videossl.evaluation.knn`.
        probe, train_on: of :func:`~videossl.evaluation.linear_probe`.

    Returns:
        For each evaluation the result of its function. ``protocol`` begins with :attr:`Protocol.title`.

    Raises:
        ValueError: there is no such evaluation, or one of the functions raises.
    """
    protocol = protocol_of(protocol)
    check_evaluations(evaluations)
    calls = dict(
        retrieval=lambda: clip_retrieval(train, test, ks, center=protocol.center),
        knn=lambda: knn(train, test, k, temperature, center=protocol.center),
        linear_probe=lambda: linear_probe(train, test, probe, average=protocol.average, train_on=train_on),
    )
    results = {name: calls[name]() for name in evaluations}
    return {name: {**result, 'protocol': f'{protocol.title}: {result["protocol"]}'} for name, result in results.items()}


def check_evaluations(evaluations: Sequence[str]) -> None:
    """Refuse anything but some of :data:`EVALUATIONS`, each once."""
    is_list = isinstance(evaluations, Sequence) and not isinstance(evaluations, str) and len(evaluations) > 0
    if not is_list or set(evaluations) - set(EVALUATIONS) or len(set(evaluations)) < len(evaluations):
        raise ConfigError(f'evaluations must name some of {EVALUATIONS}, got {evaluations!r}')


def numbers(result: Mapping) -> dict[str, float]:
    """The metrics of a result, without the texts."""
    return {name: value for name, value in result.items() if isinstance(value, float)}


def flat_metrics(results: Mapping[str, Mapping]) -> dict[str, float]:
    """All metrics by one name each, e.g. ``retrieval/R@1`` and ``knn/top1``, for a log."""
    return {f'{name}/{metric}': value for name, result in results.items() for metric, value in numbers(result).items()}


def all_notes(results: Mapping[str, Mapping]) -> list[str]:
    """The notes of all results, each once."""
    return list(dict.fromkeys(note for result in results.values() for note in result['notes']))


def percentages(result: Mapping) -> str:
    """``R@1 41.1 %, R@5 59.4 %``."""
    return ', '.join(f'{name.replace("top", "top-")} {100 * value:.1f} %' for name, value in numbers(result).items())


def report_table(results: Mapping[str, Mapping], title: str | None = None) -> Table:
    """The results as a table for the terminal; each row has the protocol of its numbers, the caption the notes."""
    table = Table('evaluation', 'result', 'protocol', title=title, show_lines=True, caption_justify='left')
    table.caption = '\n'.join(all_notes(results)) or None
    for name, result in results.items():
        table.add_row(TITLES.get(name, name), percentages(result).replace(', ', '\n'), result['protocol'])
    return table


def report_markdown(results: Mapping[str, Mapping]) -> str:
    """The results as a Markdown table, the notes as a list below it."""

    def cell(text: str) -> str:
        return text.replace('|', '\\|')

    lines = ['| evaluation | result | protocol |', '|---|---|---|']
    lines += [
        f'| {TITLES.get(name, name)} | {cell(percentages(result))} | {cell(result["protocol"])} |'
        for name, result in results.items()
    ]
    notes = [f'- {note}' for note in all_notes(results)]
    return '\n'.join([*lines, *(['', *notes] if notes else [])]) + '\n'


def report_json(results: Mapping[str, Mapping]) -> str:
    """The results as JSON, with protocols and notes."""
    return json.dumps(results, indent=2) + '\n'
