"""The network of SCHP against the published numbers, a table of the checkpoints' names, and plain functions."""

import pytest
import torch
from torch.nn import functional as F

from videossl.models.teachers import AugmentedCE2P, load_schp

SMALL = dict(layers=(1, 2, 1, 1), width=1 / 16)


@pytest.fixture
def on_meta():
    """A function that builds a network without memory for its weights."""

    def build(num_classes: int) -> AugmentedCE2P:
        with torch.device('meta'):
            return AugmentedCE2P(num_classes).eval()

    return build


def functional_outputs(images, weights, layers, in_place):
    """Parsing, fusion and edge maps, written down from the description of the network with nothing but functions."""

    def conv(x, name, stride=1, dilation=1):
        kernel = weights[f'{name}.weight']
        padding = dilation * (kernel.shape[-1] - 1) // 2
        return F.conv2d(x, kernel, weights.get(f'{name}.bias'), stride, padding, dilation)

    def norm(x, name):
        weight, bias, mean, var = (
            weights[f'{name}.{part}'].double().view(1, -1, 1, 1)
            for part in ('weight', 'bias', 'running_mean', 'running_var')
        )
        gain = weight.abs() + 1e-5 if in_place else weight  # what the in-place norm's kernels compute
        return (gain * (x.double() - mean) / (var + 1e-5).sqrt() + bias).float()

    def leaky(x):
        return torch.where(x > 0, x, 0.01 * x)

    def up(x, size):
        return F.interpolate(x, size, mode='bilinear', align_corners=True)

    x = norm(conv(images, 'conv1', stride=2), 'bn1').relu()
    x = norm(conv(x, 'conv2'), 'bn2').relu()
    x = norm(conv(x, 'conv3'), 'bn3').relu()
    x = F.max_pool2d(x, 3, 2, 1)
    maps = []
    for stage, (stride, dilation) in enumerate([(1, 1), (2, 1), (2, 1), (1, 2)], 1):
        for block in range(layers[stage - 1]):
            name = f'layer{stage}.{block}'
            step = stride if block == 0 else 1
            y = norm(conv(x, f'{name}.conv1'), f'{name}.bn1').relu()
            y = norm(conv(y, f'{name}.conv2', step, dilation), f'{name}.bn2').relu()
            y = norm(conv(y, f'{name}.conv3'), f'{name}.bn3')
            if block == 0:
                x = norm(conv(x, f'{name}.downsample.0', step), f'{name}.downsample.1')
            x = (x + y).relu()
        maps.append(x)
    x2, x3, x4, x5 = maps
    pyramid = []
    for index, cells in enumerate((1, 2, 3, 6)):
        name = f'context_encoding.stages.{index}'
        pooled = leaky(norm(conv(F.adaptive_avg_pool2d(x5, cells), f'{name}.1'), f'{name}.2'))
        pyramid.append(up(pooled, x5.shape[2:]))
    context = conv(torch.cat(pyramid + [x5], 1), 'context_encoding.bottleneck.0')
    context = leaky(norm(context, 'context_encoding.bottleneck.1'))

    size = x2.shape[2:]
    features = [
        leaky(norm(conv(x, f'edge.conv{index}.0'), f'edge.conv{index}.1')) for index, x in enumerate((x2, x3, x4), 1)
    ]
    edge = conv(torch.cat([up(conv(x, 'edge.conv4'), size) for x in features], 1), 'edge.conv5')
    features = torch.cat([up(x, size) for x in features], 1)

    coarse = up(leaky(norm(conv(context, 'decoder.conv1.0'), 'decoder.conv1.1')), size)
    fine = leaky(norm(conv(x2, 'decoder.conv2.0'), 'decoder.conv2.1'))
    x = leaky(norm(conv(torch.cat([coarse, fine], 1), 'decoder.conv3.0'), 'decoder.conv3.1'))
    x = leaky(norm(conv(x, 'decoder.conv3.2'), 'decoder.conv3.3'))
    fusion = leaky(norm(conv(torch.cat([x, features], 1), 'fushion.0'), 'fushion.1'))
    return conv(x, 'decoder.conv4'), conv(fusion, 'fushion.3'), edge


def test_the_network_for_lip_has_the_published_number_of_parameters_and_tensors(on_meta):
    network = on_meta(20)
    assert sum(parameter.numel() for parameter in network.parameters()) == 66_723_928
    assert sum('num_batches_tracked' not in name for name in network.state_dict()) == 603


@pytest.mark.parametrize('num_classes', [20, 18, 7])
def test_names_and_shapes_are_those_of_the_released_checkpoints(on_meta, released_shapes, num_classes):
    ours = {
        name: tuple(value.shape)
        for name, value in on_meta(num_classes).state_dict().items()
        if not name.endswith('num_batches_tracked')
    }
    assert ours == released_shapes(num_classes)


@pytest.mark.parametrize(('side', 'expected'), [(473, 119), (512, 128)])
def test_maps_have_a_quarter_of_the_side(on_meta, side, expected):
    network, images = on_meta(20), torch.empty(2, 3, side, side, device='meta')
    assert network(images).shape == (2, 20, expected, expected)
    assert [tuple(output.shape) for output in network.all_outputs(images)] == [
        (2, 20, expected, expected),
        (2, 20, expected, expected),
        (2, 2, expected, expected),
    ]


@pytest.mark.parametrize('generation', ['current', 'September 2019'])
def test_a_loaded_network_computes_what_its_description_says(released_weights, save_released, generation):
    weights = released_weights()
    network = AugmentedCE2P(20, **SMALL).eval()
    load_schp(network, save_released(weights, generation))
    images = torch.randn(2, 3, 57, 41)
    in_place = generation == 'current'
    with torch.no_grad():
        outputs = network.all_outputs(images)
        expected = functional_outputs(images, weights, SMALL['layers'], in_place)
        for output, wanted in zip(outputs, expected, strict=True):
            assert wanted.std() > 0.1
            torch.testing.assert_close(output, wanted, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(network(images), expected[1], rtol=1e-4, atol=1e-4)
        other = functional_outputs(images, weights, SMALL['layers'], not in_place)
    assert not torch.allclose(outputs[1], other[1], rtol=0.1, atol=0.1)  # the rule for the norms matters here


@pytest.mark.parametrize(
    'arguments', [dict(num_classes=1), dict(layers=(1, 1, 1)), dict(layers=(1, 0, 1, 1)), dict(width=0)]
)
def test_impossible_sizes_are_refused(arguments):
    with pytest.raises(ValueError, match='AugmentedCE2P needs'):
        AugmentedCE2P(**arguments)
