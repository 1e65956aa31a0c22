"""The regression of labels against hand-computed errors."""

import pytest
import torch
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import RegressionHead
from videossl.models.embeddings import Embeddings
from videossl.registry import MODELS

LABELS = [[[3, 7]], [[1, 2]]]


def identity_head(**kwargs) -> RegressionHead:
    """A head of two numbers that predicts its embedding."""
    head = RegressionHead(2, 2, 'gt_numbers', **kwargs)
    head.regressor.weight.data, head.regressor.bias.data = torch.eye(2), torch.zeros(2)
    return head


def test_the_loss_is_the_mean_squared_error_of_the_labels_as_they_are(samples_with):
    embeddings = torch.tensor([[[1.0, 7.4]], [[1.0, -1.0]]], requires_grad=True)
    results = identity_head().loss(Embeddings(embeddings), samples_with(gt_numbers=LABELS))
    assert set(results) == {'loss_numbers', 'acc_numbers'}
    assert results['loss_numbers'].item() == pytest.approx((4 + 0.16 + 0 + 9) / 4)
    assert results['acc_numbers'].item() == 0.5  # 7.4 is 7, and 1 is 1
    results['loss_numbers'].backward()
    torch.testing.assert_close(embeddings.grad, torch.tensor([[[-1.0, 0.2]], [[0.0, -1.5]]]))


def test_without_masks_it_is_torchs_loss_over_all_clips(samples_with):
    head, embeddings = RegressionHead(5, 3, 'gt_numbers', name='mine', loss_weight=0.1), torch.randn(4, 2, 5)
    labels = torch.randint(1, 16, (4, 2, 3))
    loss = head.loss(Embeddings(embeddings), samples_with(gt_numbers=labels))['loss_mine']
    assert loss.item() == pytest.approx(0.1 * F.mse_loss(head(embeddings), labels.float()).item())


def test_masked_numbers_take_no_part(samples_with):
    embeddings = torch.tensor([[[1.0, 50.0]], [[2.0, 2.0]]], requires_grad=True)
    labels = samples_with(gt_numbers=[[[3, -100]], [[1, 2]]])
    results = identity_head().loss(Embeddings(embeddings), labels)
    assert results['loss_numbers'].item() == pytest.approx((4 + 1 + 0) / 3)
    assert results['acc_numbers'].item() == pytest.approx(1 / 3)
    results['loss_numbers'].backward()
    assert embeddings.grad[0, 0, 1] == 0
    nothing = identity_head().loss(Embeddings(embeddings), samples_with(gt_numbers=[[[-100] * 2]] * 2))
    assert nothing['loss_numbers'].item() == nothing['acc_numbers'].item() == 0
    nothing['loss_numbers'].backward()


def test_errors_are_divided_by_the_scales(samples_with):
    embeddings = torch.tensor([[[1.0, 7.0]], [[1.0, -1.0]]])
    results = identity_head(scales=[2, 3]).loss(Embeddings(embeddings), samples_with(gt_numbers=LABELS))
    assert results['loss_numbers'].item() == pytest.approx((1 + 0 + 0 + 1) / 4)
    assert results['acc_numbers'].item() == 0.5


def test_one_number_for_each_clip_and_some_of_the_clips(samples_with):
    head = RegressionHead(2, 1, 'gt_numbers')
    embeddings = torch.randn(2, 1, 2)
    labels = samples_with(gt_numbers=[[3, 9], [4, 8]])
    loss = head.loss(Embeddings(embeddings, student_views=[1]), labels)['loss_numbers']
    assert loss.item() == pytest.approx(F.mse_loss(head(embeddings)[:, 0, 0], torch.tensor([9.0, 8.0])).item())


def test_a_config_builds_it_and_it_predicts_in_fp32():
    head = MODELS.build(dict(type='RegressionHead', in_channels=4, num_targets=14, label='gt_motion_statistics'))
    head.init_weights()
    assert head.labels_read == ('gt_motion_statistics',) and head.name == 'motion_statistics'
    assert head.regressor.bias.tolist() == [0] * 14 and 0.005 < head.regressor.weight.std() < 0.02
    assert set(head.state_dict()) == {'regressor.weight', 'regressor.bias'}
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert head(torch.randn(2, 1, 4)).dtype == torch.float32


@pytest.mark.parametrize(
    ('arguments', 'named'),
    [
        (dict(num_targets=0), 'RegressionHead: num_targets'),
        (dict(scales=[1.0]), 'RegressionHead: scales must be 2 numbers'),
        (dict(scales=[1.0, 0.0]), 'RegressionHead: each of scales'),
    ],
)
def test_a_senseless_argument_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=named):
        RegressionHead(**{**dict(in_channels=4, num_targets=2, label='gt_numbers'), **arguments})


@pytest.mark.parametrize('labels', [[[[1, 2, 3]]] * 2, [[1, 2]] * 2, [[]] * 2])
def test_another_number_of_labels_is_refused(samples_with, labels):
    with pytest.raises(ConfigError, match='RegressionHead: num_targets=2, but the labels "gt_numbers"'):
        identity_head().loss(Embeddings(torch.randn(2, 1, 2)), samples_with(gt_numbers=labels))
