"""From a model and two lists of videos to the evaluations of its features."""

import hashlib
import json
import os
import os.path as osp
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import nn

from videossl.errors import ConfigError
from videossl.features.config_views import training_clips
from videossl.features.extraction import extract_features
from videossl.features.protocols import Protocol, protocol_of
from videossl.features.video_list import list_videos
from videossl.wrappers import unwrap

from .report import EVALUATIONS, check_evaluations, evaluate_features


def evaluate_model(
    model: nn.Module,
    train: Any,
    test: Any,
    data_root: str | os.PathLike | None = None,
    *,
    protocol: str | Protocol = 'auxskd',
    evaluations: Sequence[str] = EVALUATIONS,
    ks: Sequence[int] = (1, 5, 10, 20, 50),
    k: int = 20,
    temperature: float = 0.07,
    probe: str = 'logistic',
    train_on: str = 'views',
    features_dir: str | os.PathLike | None = None,
    **extraction: Any,
) -> dict[str, dict]:
    """Extract the features of both splits once, and evaluate them.

    Args:
        model: as for :func:`~videossl.apis.extract_features`.
        train, test: the splits, labelled videos in any form that it takes.
        data_root: folder that the lists' paths are relative to.
        protocol: the views of each video, how they are averaged, and whether sets are centered.
        evaluations, ks, k, temperature, probe, train_on: see
            :func:`~videossl.evaluation.evaluate_features`.
        features_dir: folder to keep the features in. The same call goes on there after an interruption, and other
            evaluations read the features again. Other settings, videos and weights get other files.
        extraction: ``batch_size``, ``num_workers``, ``precision``, ``device`` and ``progress`` of
            :func:`~videossl.apis.extract_features`.

    Returns:
        For each evaluation its metrics, ``protocol`` and ``notes``.

    Raises:
        ConfigError: a split has no videos, or an argument is out of range.
        ValueError: the splits cannot be evaluated, for example without labels.
    """
    protocol = protocol_of(protocol)
    check_evaluations(evaluations)
    views = protocol.views()
    splits = dict(train=train, test=test)
    for name, videos in splits.items():  # both, before hours of extraction
        _check_labelled(name, videos, data_root)
    features = {}
    for name, videos in splits.items():
        out = None if features_dir is None else partial(_features_file, os.fspath(features_dir), name)
        features[name] = extract_features(model, videos, data_root, **views, out=out, **extraction)
    results = evaluate_features(
        features['train'], features['test'], protocol, evaluations, ks, k, temperature, probe, train_on
    )
    notes = notes_on_training(model, protocol)
    return {name: dict(result, notes=[*result['notes'], *notes]) for name, result in results.items()}


def _features_file(folder: str, name: str, settings: dict) -> str:
    """The file of a split's features. Each difference of settings for which an extraction refuses a file gives another."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return osp.join(folder, f'{name}_{digest[:12]}.npz')


def _check_labelled(name: str, videos: Any, data_root: str | os.PathLike | None) -> None:
    try:
        listed = list_videos(videos, data_root)
    except ConfigError as error:
        raise ConfigError(f'{name}: {error}') from error
    if listed.labels is None:
        raise ConfigError(f'{name}: {listed.name} has no labels, and without them nothing can be right or wrong')


def notes_on_training(model: nn.Module, protocol: Protocol) -> list[str]:
    """A note if the training clips, as the checkpoint's config has them, differ from the protocol's."""
    model = unwrap(model)
    configs = (getattr(part, 'cfg', None) for part in (getattr(model, 'backbone', None), model))
    trained = next((values for values in map(training_clips, configs) if values), {})
    kinds = dict(
        size=('px', '--size'),
        clip_len=('frames a clip', '--clip-len'),
        frame_interval=('as interval of frames', '--frame-interval'),
    )
    trained_on, evaluated_at, options = [], [], []
    for key, (unit, option) in kinds.items():
        if key in trained and trained[key] != getattr(protocol, key):
            trained_on.append(f'{trained[key]} {unit}')
            evaluated_at.append(f'{getattr(protocol, key)} {unit}')
            options.append(f'{option} {trained[key]}')
    if not options:
        return []
    return [
        f'trained on {", ".join(trained_on)}, evaluated at {", ".join(evaluated_at)}; {" ".join(options)} evaluates '
        'as it was trained'
    ]
