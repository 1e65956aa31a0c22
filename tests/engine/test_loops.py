"""The test of a pretext task."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.utils.data import DataLoader, Dataset

from videossl.engine import PretextTestLoop
from videossl.errors import ConfigError
from videossl.models import NTXentHead, OrderHead, Pretrainer, RankingHead, RegressionHead, SegmentHead, TupleHead


def test_a_pretext_task_is_tested_in_eval_mode_on_every_sample_alike_and_changes_nothing(build_runner, build_vspp):
    model = build_vspp()
    runner = build_runner(
        model,
        hooks=[],
        test_dataloader=dict(
            batch_size=3,
            num_workers=0,
            drop_last=False,
            sampler=dict(type='DrawSampler', shuffle=False, seed=3),
            dataset=build_runner(build_vspp(), hooks=[]).train_dataloader.dataset,
        ),
        test_cfg=dict(type='PretextTestLoop'),
        test_evaluator=[],
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    metrics = runner.test()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())

    dataset = runner.test_loop.dataloader.dataset
    draws = list(runner.test_loop.dataloader.sampler)
    samples = [dataset[draw] for draw in draws]
    assert [int(draw) for draw in draws] == list(range(8))
    model.eval()
    losses, accuracies = [], []
    with torch.no_grad():
        for sample in samples:
            clips = model.data_preprocessor(dict(inputs=[sample['inputs']], data_samples=[]))['inputs']
            logits = model.heads['speed'].classifier(model.backbone(clips[0]).mean(dim=(2, 3, 4)))
            speeds = sample['data_samples'].gt_speed
            losses.append(-logits.log_softmax(1)[range(2), speeds].mean())
            accuracies.append((logits.argmax(1) == speeds).float().mean())
    assert metrics['pretext/loss_speed'] == pytest.approx(float(torch.stack(losses).mean()), rel=1e-5)
    assert metrics['pretext/acc_speed'] == pytest.approx(float(torch.stack(accuracies).mean()))


@pytest.mark.parametrize('sampler', [dict(type='InfiniteSampler'), dict(type='DrawSampler', endless=True)])
def test_a_test_that_would_not_end_is_refused(build_runner, build_vspp, sampler):
    runner = build_runner(
        build_vspp(),
        hooks=[],
        test_dataloader=dict(batch_size=3, num_workers=0, sampler=sampler, dataset=range(8)),
        test_cfg=dict(type='PretextTestLoop'),
        test_evaluator=[],
    )
    with pytest.raises(ConfigError, match='Sampler never ends'):
        runner.test()


def test_a_contrastive_task_is_tested_against_the_bank_as_it_is(build_runner, build_aux_skd):
    model = build_aux_skd()
    samples = build_runner(build_aux_skd(), hooks=[]).train_dataloader.dataset
    runner = build_runner(
        model,
        hooks=[],
        test_dataloader=dict(
            batch_size=4, num_workers=0, sampler=dict(type='DrawSampler', shuffle=False, seed=3), dataset=samples
        ),
        test_cfg=dict(type='PretextTestLoop'),
        test_evaluator=[],
    )
    rows = model.memory_bank.rows.clone()
    metrics = runner.test()
    assert torch.equal(model.memory_bank.rows, rows) and model.pending_keys == []
    assert set(metrics) == {'pretext/loss_distill', 'pretext/acc_nearest_anchor'}
    assert isinstance(runner.test_loop, PretextTestLoop)


# --- rows without a label -------------------------------------------------------------------------------------------

UNKNOWN = -100
SEGMENTS = [[0, 1], [UNKNOWN, UNKNOWN], [2, UNKNOWN], [UNKNOWN, UNKNOWN], [1, 1], [0, 2], [UNKNOWN, 2], [1, 0]]
NUMBERS = [[1, 2], [UNKNOWN, 0], [3, UNKNOWN], [UNKNOWN, UNKNOWN], [0, 0], [UNKNOWN, 2], [1, UNKNOWN], [0, 1]]
TUPLES = [1, UNKNOWN, UNKNOWN, 0, UNKNOWN, 1, 1, 0]


class Clips(Dataset):
    """Samples of two clips of one pixel, some without labels."""

    def __init__(self, indices=range(8)) -> None:
        self.indices = list(indices)
        self.pixels = torch.randint(0, 256, (8, 2, 3, 1, 1, 1), generator=torch.Generator().manual_seed(2)).byte()

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, place: int) -> dict:
        index = self.indices[int(place)]
        labels = dict(
            gt_segment=SEGMENTS[index],
            gt_transformation=SEGMENTS[index],
            gt_numbers=NUMBERS[index],
            gt_order=TUPLES[index],
            gt_tuple=TUPLES[index],
        )
        sample = ActionDataSample(**{name: torch.tensor(label) for name, label in labels.items()})
        return dict(inputs=self.pixels[index], data_samples=sample)


def heads_of_labelled_rows() -> Pretrainer:
    """A net whose embeddings are the normalised pixels, with all heads that leave rows without a label out."""
    torch.manual_seed(0)
    heads = dict(
        segment=SegmentHead(3, 3, init_cfg=None),
        ranking=RankingHead(3, 3, margin=0.5, init_cfg=None),
        numbers=RegressionHead(3, 1, 'gt_numbers', init_cfg=None),
        order=OrderHead(3, tuple_len=2, hidden_channels=4),
        tuple=TupleHead(3, 2, 2, 'gt_tuple', init_cfg=None),
    )
    return Pretrainer(nn.Identity(), heads=heads)


def over_labelled_rows(model: Pretrainer) -> dict[str, float]:
    """The losses and accuracies, from loops over all rows that have a label."""
    rows: dict[str, list[float]] = {name: [] for name in ('segment', 'ranking', 'numbers', 'order', 'tuple')}
    right: dict[str, list[bool]] = {name: [] for name in rows}

    def classify(name: str, logits: torch.Tensor, label: int) -> None:
        if label != UNKNOWN:
            rows[name].append(-float(logits.log_softmax(0)[label]))
            right[name].append(int(logits.argmax()) == label)

    model.eval()
    for index in range(8):
        batch = dict(inputs=[Clips()[index]['inputs']], data_samples=[])
        embedding = model(model.data_preprocessor(batch)['inputs'], mode='predict')
        (segments,), (scores,), (numbers,) = (
            model.heads[name](embedding) for name in ('segment', 'ranking', 'numbers')
        )
        for clip, label in enumerate(SEGMENTS[index]):
            classify('segment', segments[clip], label)
            other = SEGMENTS[index][1 - clip]
            if UNKNOWN not in (label, other) and label != other:
                lead = float(scores[clip, label] - scores[1 - clip, label])
                rows['ranking'].append(max(0, 0.5 - lead))
                right['ranking'].append(lead > 0)
            if (number := NUMBERS[index][clip]) != UNKNOWN:
                rows['numbers'].append((float(numbers[clip]) - number) ** 2)
                right['numbers'].append(round(float(numbers[clip])) == number)
        for name in ('order', 'tuple'):
            classify(name, model.heads[name](embedding)[0], TUPLES[index])
    losses = {f'pretext/loss_{name}': float(np.mean(values)) for name, values in rows.items()}
    return losses | {f'pretext/acc_{name}': float(np.mean(values)) for name, values in right.items()}


def pretext_test(model: nn.Module, dataset: Dataset, batch_size: int) -> dict[str, float]:
    runner = SimpleNamespace(model=model, call_hook=lambda *_, **__: None)
    loader = DataLoader(dataset, batch_size, collate_fn=pseudo_collate)
    return PretextTestLoop(runner, loader).run()


@pytest.mark.parametrize('batch_size', [1, 2, 3, 8])
def test_rows_without_a_label_do_not_count_whatever_the_batches(batch_size):
    model = heads_of_labelled_rows()
    with torch.no_grad():
        expected = over_labelled_rows(model)
    assert 0 < expected['pretext/acc_segment'] < 1 and 0 < expected['pretext/acc_ranking'] < 1
    assert pretext_test(model, Clips(), batch_size) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('batch_size', [1, 2, 8])
def test_a_perfect_head_is_perfect_where_every_second_sample_has_a_label(batch_size):
    class Solved(Clips):
        def __getitem__(self, index: int) -> dict:
            label = index % 3
            pixels = torch.zeros(1, 3, 1, 1, 1, dtype=torch.uint8)
            pixels[0, label] = 255
            sample = ActionDataSample(gt_segment=torch.tensor([UNKNOWN if index % 2 else label]))
            return dict(inputs=pixels, data_samples=sample)

    model = Pretrainer(nn.Identity(), heads=dict(segment=SegmentHead(3, 3)))
    model.heads['segment'].classifier.weight.data = torch.eye(3)
    assert pretext_test(model, Solved(), batch_size)['pretext/acc_segment'] == 1


def test_a_task_of_which_no_row_has_a_label_has_no_value():
    with_labels = pretext_test(heads_of_labelled_rows(), Clips([3, 3]), 1)
    assert set(with_labels) == {f'pretext/{kind}_{name}' for kind in ('loss', 'acc') for name in ('order', 'tuple')}


def test_the_candidates_of_a_contrast_are_those_of_the_batch_and_each_anchor_with_a_positive_counts_alike():
    class Paces(Clips):
        def __getitem__(self, index: int) -> dict:
            speeds = [[0, 0], [1, 2], [UNKNOWN, 1], [2, 2], [0, 1], [0, 1], [1, 1], [2, UNKNOWN]][index]
            return dict(inputs=self.pixels[index], data_samples=ActionDataSample(gt_speed=torch.tensor(speeds)))

    model = Pretrainer(nn.Identity(), heads=dict(contrast=NTXentHead('same_pace', embedding_name='pooled')))
    metrics = pretext_test(model, Paces(), 2)
    weights, losses, accuracies = [2, 2, 4, 2], [], []  # of the two-sample batches: anchors that have a positive
    for first in range(0, 8, 2):
        batch = pseudo_collate([Paces()[index] for index in (first, first + 1)])
        results = model(**model.data_preprocessor(batch), mode='loss')
        losses.append(float(results['loss_contrast']))
        accuracies.append(float(results['acc_contrast']))
    assert metrics['pretext/loss_contrast'] == pytest.approx(np.average(losses, weights=weights), rel=1e-5)
    assert metrics['pretext/acc_contrast'] == pytest.approx(np.average(accuracies, weights=weights))


def test_the_training_log_has_no_count_of_rows():
    model = heads_of_labelled_rows()
    results = model(**model.data_preprocessor(pseudo_collate([Clips()[0], Clips()[1]])), mode='loss')
    names = [
        f'{kind}_{name}' for name in ('segment', 'ranking', 'numbers', 'order', 'tuple') for kind in ('loss', 'acc')
    ]
    assert list(results) == names


def half_of_the_samples(rank: int, folder: str) -> None:
    metrics = pretext_test(heads_of_labelled_rows(), Clips(range(4 * rank, 4 * rank + 4)), 2)
    torch.save(metrics, f'{folder}/{rank}.pth')


def test_two_processes_count_the_rows_of_both(tmp_path, run_two_processes):
    run_two_processes(half_of_the_samples, str(tmp_path))
    with torch.no_grad():
        expected = over_labelled_rows(heads_of_labelled_rows())
    for rank in (0, 1):
        assert torch.load(tmp_path / f'{rank}.pth') == pytest.approx(expected, rel=1e-5)
