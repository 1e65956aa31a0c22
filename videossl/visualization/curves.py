"""Training curves, from the scalars that mmengine's visualiser back-end writes."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

from .figures import new_figure

PANELS = {
    'acc_speed': 'speed accuracy',
    'acc_segment': 'segment accuracy',
    'loss_distill': 'similarity distillation, KL',
    'acc_nearest_anchor': 'student and teacher agree on the nearest anchor',
    'top1_acc': 'fine-tuning, accuracy on training clips',
    'eval/knn_top1': 'kNN on the features, top-1',
    'eval/R@1': 'clip retrieval, R@1',
}
MOST_COLUMNS = 3  # more are too small to read where a page shows the picture 1000 pixels wide


def read_scalars(work_dir: str | Path) -> list[dict]:
    """The logged scalars of a training run, in the order of its steps. Of a resumed run the newest of each step count. The
    metrics of :class:`~videossl.engine.FeatureEvaluationHook` (``eval/...``) are merged into the scalars of their step."""
    trained: dict[int, dict] = {}
    evaluated: dict[int, dict] = {}
    for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:  # the last line of a killed run
                continue
            if 'step' not in entry:
                continue
            if 'loss' in entry:
                trained[entry['step']] = entry
            elif any(key.startswith('eval/') for key in entry):
                evaluated[entry['step']] = entry
    return [{**evaluated.get(step, {}), **trained.get(step, {})} for step in sorted({*trained, *evaluated})]


def find_runs(folders: Sequence[str]) -> dict[str, Path]:
    """Name and folder of each run.

    Args:
        folders: each the folder of a run, ``NAME=FOLDER`` to name it, or a folder of runs (such as a recipe's), which
            stands for all of them. Without a name a run is called as its folder is; runs of one name get the folder
            above it in front.

    Raises:
        ValueError: a folder without a run in it or right below, or two runs of one name.
    """
    found: list[tuple[str, Path]] = []
    for entry in folders:
        name, equals, rest = entry.partition('=')
        named = bool(equals) and not Path(entry).exists()
        folder = Path(rest if named else entry)
        runs = [folder] if is_run(folder) else sorted(path for path in folder.glob('*/') if is_run(path))
        if not runs:
            raise ValueError(f'{folder} holds no run: there is no */vis_data/scalars.json in it or in a folder of it')
        for run in runs:
            run_name = run.resolve().name
            found.append(((name if run is folder else f'{name}/{run_name}') if named else run_name, run))
    names = [name for name, _ in found]
    found = [(name if names.count(name) == 1 else f'{run.resolve().parent.name}/{name}', run) for name, run in found]
    doubles = sorted({name for name, _ in found if [other for other, _ in found].count(name) > 1})
    if doubles:
        raise ValueError(f'several runs are called {", ".join(doubles)}; tell them apart with NAME=FOLDER')
    return dict(found)


def is_run(folder: Path) -> bool:
    """Whether mmengine logged a run there."""
    return any(folder.glob('*/vis_data/scalars.json'))


def plot_curves(
    runs: dict[str, Sequence[dict]],
    path: str | Path,
    chance: dict[str, float] | None = None,
    keys: Sequence[str] | None = None,
) -> None:
    """Draw the curves of several runs, a panel per quantity, three in a row.

    Args:
        runs: name of each run and its scalars from :func:`read_scalars`.
        path: the picture to write.
        chance: for a quantity, the value that guessing gives; drawn as a dotted line.
        keys: the quantities, as the log has them. None: the accuracies, and auxSKD's loss.

    Raises:
        ValueError: no run logged one of ``keys``.
    """
    logged = {key: None for entries in runs.values() for entry in entries for key in entry}
    panels = [key for key in PANELS if key in logged]
    panels += [key for key in logged if key.startswith('acc_') and key not in PANELS]
    if keys is not None:
        missing = [key for key in keys if key not in logged]
        if missing:
            raise ValueError(f'no run logged {", ".join(missing)}; they have {", ".join(logged) or "nothing"}')
        panels = list(keys)
    columns = min(max(len(panels), 1), MOST_COLUMNS)
    rows = max(math.ceil(len(panels) / columns), 1)
    figure = new_figure(4.2 * columns, 3.4 * rows)
    for number, key in enumerate(panels):
        axes = figure.add_subplot(rows, columns, number + 1)
        for name, entries in runs.items():
            points = [(entry['step'], entry[key]) for entry in entries if key in entry]
            if points:
                axes.plot(*zip(*points), label=name, linewidth=1.5)
        if chance and key in chance:
            axes.axhline(chance[key], color='grey', linestyle=':', label='chance')
        axes.set_title(PANELS.get(key, key.removeprefix('acc_').replace('_', ' ')), fontsize=10)
        axes.set_xlabel('iteration')
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    if not panels:
        figure.text(0.5, 0.5, 'nothing was logged', ha='center')
    figure.savefig(path, dpi=130)
