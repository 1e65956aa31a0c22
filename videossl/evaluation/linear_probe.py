"""The linear probe: accuracy of a linear classifier on frozen features."""

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from videossl.checks import check_choice, check_integer, check_positive
from videossl.features.clip_features import ClipFeatures
from videossl.features.protocols import CLIP_AVERAGES

from .feature_sets import pair_sets, protocol_text, unit
from .knn import top_k_accuracies

SOLVERS = ('logistic', 'sgd')
NORMALISATIONS = {
    'none': 'features as they are',
    'standardise': 'standardised features',
    'l2': 'features of length 1',
    'bn': 'batch-normalised features',
    'l2+bn': 'features of length 1, batch-normalised',
}
TRAIN_ON = ('views', 'mean')


@dataclass(frozen=True)
class LinearProbe:
    """Training of a linear classifier on features.

    Attributes:
        solver: ``'logistic'``: scikit-learn's logistic regression with an L2 penalty, to convergence; ``'sgd'``:
            cross entropy, stochastic gradient descent.
        normalise: ``'standardise'``: mean 0 and standard deviation 1 over the training samples; ``'l2'``: length 1;
            ``'bn'``: a batch norm before the classifier, trained with it by ``'sgd'`` and replaced by
            ``'standardise'`` with ``'logistic'``; ``'l2+bn'``: both; ``'none'``.
        penalty: of ``'logistic'``, 1 / C of scikit-learn.
        max_iterations: of ``'logistic'``.
        lr, momentum, weight_decay, batch_size, epochs, milestones, seed: of ``'sgd'``. The learning rate is divided by
            10 at the end of each epoch in ``milestones``.
    """

    solver: str = 'logistic'
    normalise: str = 'standardise'
    penalty: float = 1.0
    max_iterations: int = 1000
    lr: float = 1.0
    momentum: float = 0.9
    weight_decay: float = 1e-3
    batch_size: int = 1024
    epochs: int = 100
    milestones: tuple[int, ...] = (60, 80)
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice('solver', self.solver, SOLVERS)
        check_choice('normalise', self.normalise, NORMALISATIONS)
        for name in ('penalty', 'lr'):
            check_positive(name, getattr(self, name))
        for name in ('max_iterations', 'batch_size', 'epochs'):
            check_integer(name, getattr(self, name))
        check_integer('seed', self.seed, 0)
        for epoch in self.milestones:
            check_integer('each of milestones', epoch)

    def __str__(self) -> str:
        if self.solver == 'logistic':
            return f'logistic regression (C = {1 / self.penalty:g}, {NORMALISATIONS[self.normalise]})'
        return (
            f'SGD (lr {self.lr:g}, weight decay {self.weight_decay:g}, batch {self.batch_size}, {self.epochs} epochs, '
            f'x0.1 at {"/".join(map(str, self.milestones))}, {NORMALISATIONS[self.normalise]})'
        )


PROBES = dict(
    logistic=LinearProbe(),
    # "Self-supervised Co-training for Video Representation Learning", Han, Xie, Zisserman, 2020, released code: the
    # probe on stored features, whose L2 and batch norm are options there. It tests with the epoch that is best on the
    # test split; here the last one counts.
    coclr=LinearProbe(solver='sgd', normalise='l2+bn'),
)


def linear_probe(
    train: ClipFeatures,
    test: ClipFeatures,
    preset: str | LinearProbe = 'logistic',
    average: str = 'prob',
    train_on: str = 'views',
    **changes: Any,
) -> dict:
    """Top-1 and top-5 accuracy of a linear classifier that is trained on the features of the train split.

    An unreadable test video counts as wrong; an unreadable training video is left out. Nothing is selected on the test
    split. The global random generators are not used.

    Args:
        train, test: features with labels.
        preset: a name in :data:`PROBES`, or other settings.
        average: what is averaged over the views of a test video: ``'prob'``: the softmax; ``'score'``: the logits;
            ``'features'``: the features, before they are classified (CoCLR's probe on stored features, with
            ``train_on='mean'``).
        train_on: samples of a training video: ``'views'``: each of its views; ``'mean'``: the mean of its views.
        changes: settings that replace the preset's, e.g. ``epochs=10``.

    Returns:
        ``top1`` and ``top5``, in 0..1; ``protocol``, a text; ``notes``, a list of texts.

    Raises:
        ValueError: the sets do not fit (:func:`~videossl.evaluation.feature_sets.pair_sets`), the train split has fewer
            than two classes, or an argument is unusable.
    """
    probe = probe_of(preset, changes)
    check_choice('average', average, CLIP_AVERAGES)
    check_choice('train_on', train_on, TRAIN_ON)
    sets = pair_sets(train, test, ('train', 'test'))
    classes, labels = np.unique(sets.gallery_labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f'train: all videos have the label {classes[0]}; a classifier needs two classes or more')
    samples = sets.gallery.mean(axis=1, keepdims=True) if train_on == 'mean' else sets.gallery
    labels = labels.repeat(samples.shape[1])
    queries = sets.queries.mean(axis=1, keepdims=True) if average == 'features' else sets.queries
    notes = list(sets.notes)
    fit = fit_logistic if probe.solver == 'logistic' else fit_sgd
    logits_of = fit(samples.reshape(len(labels), -1), labels, probe, notes)
    logits = logits_of(queries.reshape(-1, queries.shape[2])).reshape(*queries.shape[:2], len(classes))
    accuracies = top_k_accuracies(video_scores(logits, average), classes, sets.query_labels, sets.readable)
    steps = (
        f'{probe}',
        f'trained on {"all views" if train_on == "views" else "the mean of the views"}',
        f'mean of the {dict(prob="softmax", score="logits", features="features")[average]} over test views',
    )
    return {**accuracies, 'protocol': protocol_text(train, test, ('train', 'test'), *steps), 'notes': notes}


def probe_of(preset: str | LinearProbe, changes: dict | None = None) -> LinearProbe:
    """A preset by name, with changes.

    Raises:
        ValueError: no such preset, or no such setting.
    """
    if isinstance(preset, str):
        if preset not in PROBES:
            raise ValueError(f'there is no linear probe "{preset}"; there are {sorted(PROBES)}')
        preset = PROBES[preset]
    unknown = sorted(set(changes or {}) - set(asdict(preset)))
    if unknown:
        raise ValueError(f'a linear probe has no setting {", ".join(unknown)}; it has {sorted(asdict(preset))}')
    return replace(preset, **(changes or {}))


def video_scores(logits: np.ndarray, average: str) -> np.ndarray:
    """Scores [N, C] of videos from the logits [N, K, C] of their views: the mean of the softmax (``'prob'``), or of the
    logits."""
    if average == 'prob':
        logits = functional.softmax(torch.from_numpy(logits).double(), dim=-1).numpy()
    return logits.mean(axis=1)


def fit_logistic(
    samples: np.ndarray, labels: np.ndarray, probe: LinearProbe, notes: list[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """Train with scikit-learn; see :class:`LinearProbe`.

    Returns:
        A function from features [M, D] to logits [M, C].
    """
    from sklearn.exceptions import ConvergenceWarning  # here: it takes a second to import
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler() if probe.normalise in ('standardise', 'bn', 'l2+bn') else None

    def normalised(features: np.ndarray) -> np.ndarray:
        features = (unit(features) if 'l2' in probe.normalise else features).astype(np.float64)
        return features if scaler is None else scaler.transform(features)

    if scaler is not None:
        scaler.fit((unit(samples) if 'l2' in probe.normalise else samples).astype(np.float64))
    classifier = LogisticRegression(C=1 / probe.penalty, max_iter=probe.max_iterations)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always', ConvergenceWarning)
        classifier.fit(normalised(samples), labels)
    if any(issubclass(warning.category, ConvergenceWarning) for warning in caught):
        notes.append(
            f'the logistic regression did not converge in {probe.max_iterations} iterations; raise '
            'max_iterations, or the penalty'
        )

    def logits_of(features: np.ndarray) -> np.ndarray:
        logits = classifier.decision_function(normalised(features))
        return logits if logits.ndim == 2 else np.stack([-logits / 2, logits / 2], axis=1)  # of two classes one column

    return logits_of


def fit_sgd(
    samples: np.ndarray, labels: np.ndarray, probe: LinearProbe, notes: list[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """Train with stochastic gradient descent, on the accelerator if there is one; see :class:`LinearProbe`.

    Returns:
        A function from features [M, D] to logits [M, C].
    """
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    generator = torch.Generator().manual_seed(probe.seed)
    linear = nn.utils.skip_init(nn.Linear, samples.shape[1], int(labels.max()) + 1)
    with torch.no_grad():
        linear.weight.normal_(0, 0.01, generator=generator)
        linear.bias.zero_()
    norm = nn.BatchNorm1d(samples.shape[1]) if 'bn' in probe.normalise else nn.Identity()
    model = nn.Sequential(norm, linear).to(device)

    scale = (samples.mean(axis=0), samples.std(axis=0)) if probe.normalise == 'standardise' else None

    def tensor(features: np.ndarray) -> Tensor:
        if 'l2' in probe.normalise:
            features = unit(features)
        elif scale is not None:
            features = (features - scale[0]) / np.where(scale[1] > 0, scale[1], 1)
        return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))

    features, targets = tensor(samples), torch.from_numpy(labels)
    optimizer = torch.optim.SGD(model.parameters(), probe.lr, probe.momentum, weight_decay=probe.weight_decay)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(probe.milestones), gamma=0.1)
    # Batches of nearly equal size, at least 2: a batch norm has no statistics of one sample.
    num_batches = max(1, min(-(-len(features) // probe.batch_size), len(features) // 2))
    with torch.enable_grad():  # also where a hook or a loop has switched gradients off
        for _ in range(probe.epochs):
            for batch in torch.randperm(len(features), generator=generator).tensor_split(num_batches):
                loss = functional.cross_entropy(model(features[batch].to(device)), targets[batch].to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            schedule.step()
    model.eval()

    @torch.no_grad()
    def logits_of(features: np.ndarray) -> np.ndarray:
        return torch.cat([model(part.to(device)).cpu() for part in tensor(features).split(8192)]).numpy()

    return logits_of
