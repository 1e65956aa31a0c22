"""The contrast within a batch against loops over anchors and clips, and two processes against one."""

import math

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn.parallel import DistributedDataParallel

from videossl.models import NTXentHead, Pretrainer
from videossl.models.embeddings import Embeddings
from videossl.models.heads import nt_xent
from videossl.registry import MODELS

TEMPERATURE = 0.2


def contrast_by_hand(embedding, groups, temperature=TEMPERATURE) -> tuple[float, float]:
    """Loss and accuracy in float64 of clips [N, D], of which those with the same group are positives."""
    clips = np.asarray(embedding.detach().double()).reshape(-1, embedding.shape[-1])
    clips = [clip / math.sqrt(sum(clip**2)) for clip in clips]
    losses, right = [], []
    for number, clip in enumerate(clips):
        others = [other for other in range(len(clips)) if other != number]
        positives = [other for other in others if groups[other] == groups[number]]
        if not positives:
            continue
        similarity = {other: float(clip @ clips[other]) for other in others}
        total = sum(math.exp(similarity[other] / temperature) for other in others)
        losses.append(np.mean([-math.log(math.exp(similarity[other] / temperature) / total) for other in positives]))
        right.append(len(others) > len(positives) and max(others, key=similarity.get) in positives)
    return float(np.mean(losses)), float(np.mean(right))


@pytest.mark.parametrize(('num_videos', 'num_views'), [(5, 2), (3, 3), (2, 4), (1, 2)])
def test_clips_of_one_video_are_drawn_together_and_all_others_apart(num_videos, num_views):
    embedding = 3 * torch.randn(num_videos, num_views, 6)
    results = NTXentHead('same_context', TEMPERATURE, loss_weight=1).loss(Embeddings(embedding))
    loss, accuracy = contrast_by_hand(embedding, [video for video in range(num_videos) for _ in range(num_views)])
    assert set(results) == {'loss_contrast', 'acc_contrast'}
    assert results['loss_contrast'].item() == pytest.approx(loss, rel=1e-5, abs=1e-6)
    assert results['acc_contrast'].item() == pytest.approx(accuracy)


@pytest.mark.parametrize(
    'speeds',
    [
        [[0, 1], [1, 2], [0, 0], [2, 3]],  # speed 3 stands alone: that clip is a negative only
        [[0], [1], [1], [3], [0]],
        [[2, 2, 2], [2, 2, 2]],  # no negative anywhere
    ],
)
def test_clips_of_one_pace_are_drawn_together_whatever_their_video(samples_with, speeds):
    embedding = 3 * torch.randn(len(speeds), len(speeds[0]), 6)
    results = NTXentHead('same_pace', TEMPERATURE, loss_weight=1).loss(
        Embeddings(embedding), samples_with(gt_speed=speeds)
    )
    loss, accuracy = contrast_by_hand(embedding, np.ravel(speeds).tolist())
    assert results['loss_contrast'].item() == pytest.approx(loss, rel=1e-5)
    assert results['acc_contrast'].item() == pytest.approx(accuracy)


def test_the_gradient_is_that_of_the_loss_by_hand(samples_with):
    """Central differences of the loops above, in float64."""
    speeds = [[0, 1], [1, 2], [0, 3]]
    embedding = torch.randn(3, 2, 3, requires_grad=True)
    NTXentHead('same_pace', 0.5, loss_weight=1).loss(Embeddings(embedding), samples_with(gt_speed=speeds))[
        'loss_contrast'
    ].backward()
    step = 1e-5
    for place in np.ndindex(3, 2, 3):
        sides = []
        for sign in (1, -1):
            moved = embedding.detach().double()
            moved[place] += sign * step
            sides.append(contrast_by_hand(moved, np.ravel(speeds).tolist(), 0.5)[0])
        assert embedding.grad[place].item() == pytest.approx((sides[0] - sides[1]) / (2 * step), abs=1e-5)


def test_anchors_without_a_positive_take_no_part_in_the_mean_and_accuracy(samples_with):
    # Two clips of speed 0 at a right angle, and one of speed 1 that is opposite to the first.
    embedding = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[-1.0, 0.0]]])
    results = NTXentHead('same_pace', 1.0, loss_weight=1).loss(
        Embeddings(embedding), samples_with(gt_speed=[[0], [0], [1]])
    )
    first = -math.log(1 / (1 + math.exp(-1)))
    second = -math.log(1 / 2)
    assert results['loss_contrast'].item() == pytest.approx((first + second) / 2)
    assert results['acc_contrast'].item() == 0.5, 'the second is as near to its positive as to its negative'


def test_clips_of_an_ignored_speed_change_nothing(samples_with):
    embedding = torch.randn(6, 1, 4)
    speeds = [[0], [-100], [0], [1], [-100], [1]]
    counted = [0, 2, 3, 5]
    head = NTXentHead('same_pace')
    found = head.loss(Embeddings(embedding), samples_with(gt_speed=speeds))
    expected = head.loss(Embeddings(embedding[counted]), samples_with(gt_speed=[speeds[clip] for clip in counted]))
    assert found['loss_contrast'] > 0
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('speeds', [[[0], [1], [2]], [[3]], [[-100], [-100]]])
def test_a_batch_without_any_positive_gives_a_loss_of_zero_that_still_has_a_gradient(samples_with, speeds):
    embedding = torch.randn(len(speeds), 1, 4, requires_grad=True)
    results = NTXentHead('same_pace').loss(Embeddings(embedding), samples_with(gt_speed=speeds))
    results['loss_contrast'].backward()
    assert results['loss_contrast'].item() == 0 and results['acc_contrast'].item() == 0
    assert torch.equal(embedding.grad, torch.zeros_like(embedding))


def test_collapsed_embeddings_cost_the_log_of_the_number_of_others_and_count_as_wrong():
    results = NTXentHead('same_context', 0.01, loss_weight=1).loss(Embeddings(torch.full((4, 2, 8), 2.5)))
    assert results['loss_contrast'].item() == pytest.approx(math.log(7), rel=1e-5)
    assert results['acc_contrast'].item() == 0


@pytest.mark.parametrize('rows', ['the same', 'random'])
def test_an_anchor_without_a_negative_is_not_right(samples_with, rows):
    embedding = torch.ones(3, 1, 4) if rows == 'the same' else torch.randn(3, 1, 4)
    speeds = samples_with(gt_speed=[[1], [1], [-100]])
    assert NTXentHead('same_pace').loss(Embeddings(embedding), speeds)['acc_contrast'].item() == 0
    assert NTXentHead('same_context').loss(Embeddings(embedding.expand(3, 2, 4)[:1]))['acc_contrast'].item() == 0


def test_a_clip_alone_in_its_batch_has_a_finite_value_before_it_is_left_out():
    itself = torch.tensor([[True]])
    assert nt_xent(torch.ones(1, 1), itself, ~itself, TEMPERATURE).isfinite().all()


def test_an_embedding_of_zeros_gives_finite_values():
    embedding = torch.zeros(3, 2, 4, requires_grad=True)
    NTXentHead().loss(Embeddings(embedding))['loss_contrast'].backward()
    assert embedding.grad.isfinite().all()


def test_bf16_embeddings_are_compared_in_fp32_also_inside_autocast():
    embedding = torch.randn(6, 2, 64).bfloat16()
    loss, _ = contrast_by_hand(embedding.float(), [video for video in range(6) for _ in range(2)], 0.02)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        results = NTXentHead(temperature=0.02, loss_weight=1).loss(Embeddings(embedding))
        rows = torch.nn.functional.normalize(embedding.float(), dim=2).flatten(0, 1)
        error = ((rows @ rows.t()).double() - rows.double() @ rows.double().t()).abs().max() / 0.02
    assert results['loss_contrast'].dtype == torch.float32
    assert results['loss_contrast'].item() == pytest.approx(loss, rel=1e-4)
    assert error > 0.01, 'bf16 would have gone unnoticed'


def test_the_weight_scales_the_loss_and_nothing_else():
    embedding = torch.randn(4, 2, 8)
    plain, weighted = (NTXentHead(loss_weight=weight).loss(Embeddings(embedding)) for weight in (1.0, 3.0))
    assert weighted['loss_contrast'].item() == pytest.approx(3 * plain['loss_contrast'].item())
    assert weighted['acc_contrast'] == plain['acc_contrast']


def test_the_defaults_are_a_tenth_of_same_context_on_the_projection():
    head = MODELS.build(dict(type='NTXentHead'))
    assert (head.positives, head.temperature, head.embedding_name, head.loss_weight) == (
        'same_context',
        0.1,
        'projection',
        0.1,
    )
    assert list(head.parameters()) == []


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (dict(positives='same_video'), "same_context.*got 'same_video'"),
        (dict(temperature=0), 'temperature must be positive'),
        (dict(temperature=-0.1), 'temperature must be positive'),
    ],
)
def test_a_senseless_parameter_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        NTXentHead(**arguments)


def test_same_context_with_a_single_clip_says_what_to_change():
    with pytest.raises(ValueError, match='num_views=2'):
        NTXentHead('same_context').loss(Embeddings(torch.randn(4, 1, 8)))


def test_same_pace_without_labels_or_with_too_few_is_refused(samples_with):
    with pytest.raises(KeyError, match='NTXentHead reads the label "gt_speed"'):
        NTXentHead('same_pace').loss(Embeddings(torch.randn(2, 1, 8)), [ActionDataSample(), ActionDataSample()])
    with pytest.raises(ValueError, match='gt_speed'):
        NTXentHead('same_pace').loss(Embeddings(torch.randn(2, 2, 8)), samples_with(gt_speed=[[0], [1]]))


# Two processes. Of the speeds, two clips of the second process and none of the first stand alone in the joint batch.
SPEEDS = [[0, 1], [1, 0], [0, 2], [3, 1]]


def pretrainer(positives: str) -> Pretrainer:
    torch.manual_seed(3)
    return Pretrainer(
        backbone=torch.nn.Conv3d(3, 8, 2),
        necks=dict(projection=dict(type='ProjectionNeck', in_channels=8, out_channels=5)),
        heads=dict(contrast=dict(type='NTXentHead', positives=positives, temperature=TEMPERATURE)),
    )


def batch(first: int, last: int) -> dict:
    """Videos ``first .. last - 1`` of the joint batch."""
    inputs = torch.randn(4, 2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(5))
    samples = [ActionDataSample() for _ in range(first, last)]
    for sample, speeds in zip(samples, SPEEDS[first:last]):
        sample.set_field(torch.tensor(speeds), 'gt_speed')
    return dict(inputs=inputs[first:last], data_samples=samples)


def one_of_two(rank: int, folder: str) -> None:
    found = {}
    for positives in ('same_context', 'same_pace'):
        model = DistributedDataParallel(pretrainer(positives))
        results = model(**batch(2 * rank, 2 * rank + 2), mode='loss')
        results['loss_contrast'].backward()
        found[positives] = dict(
            results={name: value.item() for name, value in results.items()},
            gradients={name: parameter.grad for name, parameter in model.module.named_parameters()},
        )
    torch.save(found, f'{folder}/{rank}.pth')


def test_two_processes_have_the_loss_and_gradient_of_one_with_the_joint_batch(tmp_path, run_two_processes):
    run_two_processes(one_of_two, str(tmp_path))
    found = [torch.load(tmp_path / f'{rank}.pth') for rank in (0, 1)]
    for positives in ('same_context', 'same_pace'):
        model = pretrainer(positives)
        joint = model(**batch(0, 4), mode='loss')
        joint['loss_contrast'].backward()
        for name, value in joint.items():
            assert np.mean([process[positives]['results'][name] for process in found]) == pytest.approx(value.item())
        for name, parameter in model.named_parameters():
            assert parameter.grad.abs().max() > 1e-5 or name == 'necks.projection.layers.0.bias'
            for process in found:
                torch.testing.assert_close(process[positives]['gradients'][name], parameter.grad, rtol=1e-4, atol=1e-7)
