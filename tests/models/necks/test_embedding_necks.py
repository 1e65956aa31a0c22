"""The necks: which layers they have, and what comes out."""

import pytest
import torch
from torch import nn

from videossl.models import PoolNeck, PredictorNeck, ProjectionNeck
from videossl.registry import MODELS


def kinds(neck: nn.Module) -> list[str]:
    return [type(layer).__name__ for layer in neck.layers]


def test_pooling_is_the_mean_over_time_height_and_width():
    feature_map = torch.randn(2, 5, 2, 3, 4)
    pooled = PoolNeck()(feature_map)
    assert pooled.shape == (2, 5)
    for sample in range(2):
        for channel in range(5):
            by_hand = sum(feature_map[sample, channel].flatten().tolist()) / 24
            assert pooled[sample, channel].item() == pytest.approx(by_hand, abs=1e-6)


def test_the_projection_is_one_linear_layer_with_bias_on_the_pooled_map():
    neck = MODELS.build(dict(type='ProjectionNeck', in_channels=6, out_channels=3))
    assert kinds(neck) == ['Linear']
    feature_map = torch.randn(4, 6, 2, 3, 3)
    pooled = feature_map.double().flatten(2).sum(2) / 18
    linear = neck.layers[0]
    by_hand = torch.stack([linear.weight.double() @ row + linear.bias.double() for row in pooled])
    torch.testing.assert_close(neck(feature_map).double(), by_hand, atol=1e-5, rtol=1e-5)


def test_the_papers_projection_has_512_times_128_weights_and_128_biases():
    assert sum(parameter.numel() for parameter in ProjectionNeck(512).parameters()) == 512 * 128 + 128


def test_a_deeper_projection_keeps_its_width_and_has_relu_but_no_batch_norm():
    neck = ProjectionNeck(in_channels=6, out_channels=3, num_layers=3)
    assert kinds(neck) == ['Linear', 'ReLU', 'Linear', 'ReLU', 'Linear']
    assert [tuple(layer.weight.shape) for layer in neck.layers[::2]] == [(6, 6), (6, 6), (3, 6)]
    feature_map = torch.randn(2, 6, 1, 2, 2)
    hidden = feature_map.mean((2, 3, 4))
    for layer in (neck.layers[0], neck.layers[2]):
        hidden = (hidden @ layer.weight.t() + layer.bias).clamp(min=0)
    by_hand = hidden @ neck.layers[4].weight.t() + neck.layers[4].bias
    torch.testing.assert_close(neck(feature_map), by_hand)


def test_a_projection_may_have_another_hidden_width_and_batch_norm():
    neck = ProjectionNeck(in_channels=6, out_channels=3, num_layers=2, hidden_channels=5, norm='batch')
    assert kinds(neck) == ['Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    assert [tuple(neck.layers[number].weight.shape) for number in (0, 3)] == [(5, 6), (3, 5)]
    assert neck(torch.rand(4, 6, 1, 2, 2)).shape == (4, 3)
    assert kinds(ProjectionNeck(6, 3, num_layers=1, norm='batch')) == ['Linear']
    assert kinds(ProjectionNeck(6, 3, num_layers=2, norm='layer')) == ['Linear', 'LayerNorm', 'ReLU', 'Linear']


@pytest.mark.parametrize(('arguments', 'named'), [(dict(norm='group'), 'norm'), (dict(num_layers=0), 'num_layers')])
def test_a_senseless_argument_of_a_projection_is_refused_by_name(arguments, named):
    with pytest.raises(ValueError, match=f'ProjectionNeck: {named}'):
        ProjectionNeck(6, **arguments)


def test_the_released_codes_predictor_has_two_linear_layers():
    neck = MODELS.build(dict(type='PredictorNeck'))
    assert kinds(neck) == ['Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    assert tuple(neck.layers[0].weight.shape) == (1024, 128)
    assert tuple(neck.layers[3].weight.shape) == (128, 1024)
    by_hand = (128 * 1024 + 1024) + 2 * 1024 + (1024 * 128 + 128)
    assert sum(parameter.numel() for parameter in neck.parameters()) == by_hand


def test_the_predictor_is_linear_batch_norm_relu_linear():
    neck = PredictorNeck(in_channels=4, hidden_channels=7, out_channels=3)
    first, batch_norm, _, second = neck.layers
    nn.init.uniform_(batch_norm.weight, 0.5, 2)
    nn.init.normal_(batch_norm.bias)
    embedding = torch.randn(6, 4)
    hidden = (embedding @ first.weight.t() + first.bias).double()
    centred = hidden - hidden.sum(0) / 6
    hidden = centred / ((centred**2).sum(0) / 6 + batch_norm.eps).sqrt() * batch_norm.weight + batch_norm.bias
    by_hand = hidden.clamp(min=0) @ second.weight.double().t() + second.bias
    torch.testing.assert_close(neck(embedding).double(), by_hand, atol=1e-5, rtol=1e-5)


def test_the_papers_wording_gives_a_predictor_of_three_linear_layers():
    neck = PredictorNeck(in_channels=4, hidden_channels=7, out_channels=3, num_layers=3)
    assert kinds(neck) == ['Linear', 'BatchNorm1d', 'ReLU', 'Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    assert [tuple(layer.weight.shape) for layer in neck.layers[::3]] == [(7, 4), (7, 7), (3, 7)]
    assert neck(torch.rand(5, 4)).shape == (5, 3)


def test_a_predictor_needs_two_layers():
    with pytest.raises(ValueError, match='num_layers must be .*got 1'):
        PredictorNeck(num_layers=1)


@pytest.mark.parametrize(('neck', 'channels'), [(ProjectionNeck, 6), (PredictorNeck, 4)])
def test_the_input_is_left_as_it_was(neck, channels):
    neck = neck(channels, 5)
    inputs = torch.randn(4, channels, 2, 2, 2) if channels == 6 else torch.randn(4, channels)
    before = inputs.clone()
    neck(inputs)
    assert torch.equal(inputs, before)


def test_a_maximum_over_space_then_the_mean_over_time_keeps_a_share_of_a_single_voxel():
    feature_map = torch.zeros(1, 2, 4, 3, 3)
    feature_map[0, 1, 2, 0, 2] = 8
    neck = MODELS.build(dict(type='PoolNeck', mode='space_max_time_mean'))
    assert neck(feature_map).tolist() == [[0, 2]]
    feature_map[0, 1, 2, 1, 1] = 5  # in the same frame: it is not the largest
    assert neck(feature_map).tolist() == [[0, 2]]
    feature_map[0, 1, 0, 1, 1] = 4  # in another frame
    assert neck(feature_map).tolist() == [[0, 3]]
    with pytest.raises(ValueError, match='mode'):
        PoolNeck('max')


def test_a_predictor_may_look_at_the_direction_of_an_embedding_alone():
    neck = PredictorNeck(4, 7, 3, normalize_input=True).eval()
    embedding = torch.randn(5, 4)
    torch.testing.assert_close(neck(embedding), neck(7 * embedding))
    unit = embedding / embedding.norm(dim=1, keepdim=True)
    torch.testing.assert_close(neck(embedding), neck.layers(unit))
    assert not torch.allclose(PredictorNeck(4, 7, 3).eval()(embedding), PredictorNeck(4, 7, 3).eval()(7 * embedding))
