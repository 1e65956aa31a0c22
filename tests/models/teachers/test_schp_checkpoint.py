"""Reading released checkpoints: the rule for negative norm weights, both generations, and files that do not fit."""

import pickle

import pytest
import torch

from videossl.errors import CheckpointError
from videossl.models.teachers import AugmentedCE2P, load_schp

SMALL = dict(layers=(1, 2, 1, 1), width=1 / 16)


@pytest.fixture
def network():
    return AugmentedCE2P(20, **SMALL).eval()


def test_every_norm_of_the_current_generation_scales_by_the_absolute_weight_and_a_little_more(
    network, released_weights, save_released
):
    weights = released_weights()
    norm_weights = [name for name in weights if name.removesuffix('weight') + 'running_var' in weights]
    negative = [name for name in norm_weights if (weights[name] < 0).any()]
    assert len(norm_weights) == 3 + 5 * 3 + 4 + 13 and len(negative) > 30
    load_schp(network, save_released(weights))
    for name, value in network.state_dict().items():
        if name.endswith('num_batches_tracked'):
            continue
        assert torch.equal(value, weights[name].abs() + 1e-5 if name in norm_weights else weights[name]), name


def test_the_generation_of_september_2019_is_taken_as_it_is(network, released_weights, save_released):
    weights = released_weights()
    path = save_released(weights, 'September 2019')
    names = torch.load(path, weights_only=True)
    assert 'module.decoder.conv3.3.bn.weight' in names and 'module.layer1.0.bn1.weight' in names
    load_schp(network, path)
    for name, value in network.state_dict().items():
        assert name.endswith('num_batches_tracked') or torch.equal(value, weights[name]), name


def test_what_was_saved_from_the_network_comes_back_unchanged(network, released_weights, save_released, tmp_path):
    load_schp(network, save_released(released_weights()))
    torch.save(network.state_dict(), tmp_path / 'ours.pth')
    again = AugmentedCE2P(20, **SMALL)
    load_schp(again, str(tmp_path / 'ours.pth'))
    for name, value in network.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_another_number_of_classes_is_named(released_weights, save_released):
    with pytest.raises(CheckpointError, match='this checkpoint has 20 classes, num_classes=18'):
        load_schp(AugmentedCE2P(18, **SMALL), save_released(released_weights(20)))


def test_missing_and_unexpected_tensors_are_counted_and_named_and_nothing_is_changed(
    network, released_weights, save_released
):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    weights = released_weights()
    for name in ('conv1.weight', 'layer2.1.bn2.running_mean', 'edge.conv4.bias', 'fushion.3.bias'):
        del weights[name]
    weights['extra.weight'] = torch.zeros(1)
    with pytest.raises(CheckpointError) as error:
        load_schp(network, save_released(weights))
    assert '4 missing: conv1.weight, layer2.1.bn2.running_mean, edge.conv4.bias and 1 more' in str(error.value)
    assert '1 unexpected: extra.weight' in str(error.value)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_another_shape_is_named_with_both(network, released_weights, save_released):
    weights = released_weights()
    weights['conv1.weight'] = torch.zeros(4, 3, 7, 7)
    with pytest.raises(CheckpointError, match=r'1 of another shape: conv1.weight \(4, 3, 7, 7\) for \(4, 3, 3, 3\)'):
        load_schp(network, save_released(weights))


def test_a_file_of_mixed_generations_is_refused(network, released_weights, tmp_path):
    weights = released_weights()
    for part in ('weight', 'bias', 'running_mean', 'running_var'):
        weights[f'fushion.1.bn.{part}'] = weights.pop(f'fushion.1.{part}')
    torch.save(weights, tmp_path / 'mixed.pth')
    with pytest.raises(CheckpointError, match=r'mixes.*1 of 13 norms.*fushion.1.bn.running_var'):
        load_schp(network, str(tmp_path / 'mixed.pth'))


class RunsCode:
    """An object whose unpickling would call a function."""

    def __reduce__(self):
        return (pytest.fail, ('the checkpoint ran code',))


@pytest.mark.parametrize(
    'write',
    [
        lambda path: torch.save(dict(state_dict=RunsCode()), path),
        lambda path: path.write_bytes(pickle.dumps(RunsCode(), protocol=2)),
        lambda path: path.write_text('<html>Google Drive: too many downloads</html>'),
        lambda path: path.write_bytes(b''),
        lambda path: torch.save(dict(epoch=3), path),
    ],
    ids=['code in a checkpoint', 'code in a bare pickle', 'a web page', 'an empty file', 'no weights'],
)
def test_what_is_no_checkpoint_of_tensors_is_refused(network, tmp_path, write):
    path = tmp_path / 'file.pth'
    write(path)
    with pytest.raises(CheckpointError, match='could not be read|has no weights'):
        load_schp(network, str(path))
