"""Evaluation of a checkpoint's features for a study, in a separate process: probe, kNN, retrieval, few-label probe."""

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.device import get_device

from videossl.evaluation import ClipFeatures, evaluate_features, protocol_of
from videossl.evaluation.statistics import nested_subsets
from videossl.features.parts import OtherFeatures
from videossl.files import whole_file
from videossl.processes import end_with_parent

from .. import extract_features, load_backbone
from ..running.launch import keep_freed_memory
from .reader import ALL


def subset(features: ClipFeatures, places: list[int]) -> ClipFeatures:
    """Features of some of the videos."""
    return replace(
        features,
        features=features.features[places],
        labels=None if features.labels is None else features.labels[places],
        paths=[features.paths[place] for place in places],
        readable=features.readable[places],
    )


def extract(*videos: Any, out: str, **settings: Any) -> ClipFeatures:
    """:func:`~videossl.apis.extract_features`. Features that the study extracted with other settings are replaced."""
    try:
        return extract_features(*videos, out=out, **settings)
    except OtherFeatures as error:
        print(f'extracted anew: {error}', flush=True)
        Path(out).unlink(missing_ok=True)
        shutil.rmtree(f'{out}.part', ignore_errors=True)
        return extract_features(*videos, out=out, **settings)


def evaluate(job: dict) -> dict[str, dict]:
    """Extract the features of both splits, or find them in the job's folder, and evaluate them.

    Args:
        job: ``checkpoint``, ``data_root``, ``train``, ``test`` (lists), ``protocol``, ``views`` (changes of the protocol),
            ``counts`` (labels per class), ``seed`` (of their choice), ``features`` (path of the features, without ending).

    Returns:
        By the number of labels per class (``'all'`` for all of them), what
        :func:`~videossl.evaluation.evaluate_features` returns; for few labels the linear probe alone.
    """
    protocol = protocol_of(job['protocol'], **job['views'])
    views = protocol.views()
    model = load_backbone(job['checkpoint'], device=get_device())
    train, test = (
        extract(model, job[split], job['data_root'], **views, out=f'{job["features"]}_{split}.npz', progress=False)
        for split in ('train', 'test')
    )
    results = {ALL: evaluate_features(train, test, protocol)}
    labels = [] if train.labels is None else train.labels.tolist()
    for count, places in nested_subsets(labels, job['counts'], job['seed']).items():
        results[str(count)] = evaluate_features(subset(train, places), test, protocol, ['linear_probe'])
    return results


def main(path: str) -> None:
    """Evaluate the job in a file, and write the results to the path that it names."""
    job = json.loads(Path(path).read_text())
    end_with_parent(parent=job.pop('parent'))  # so that two never write to one folder
    keep_freed_memory()
    started = time.monotonic()
    results = evaluate(job)
    with whole_file(job['out'], flush=True) as temporary:
        temporary.write_text(
            json.dumps(dict(job=job, results=results, seconds=time.monotonic() - started), indent=2) + '\n'
        )


if __name__ == '__main__':
    main(sys.argv[1])
