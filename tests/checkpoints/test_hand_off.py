"""What a hand-off takes, drops, leaves, and refuses."""

import pytest
import torch
from torch import nn

from videossl.checkpoints import fill_backbone, load_mapped
from videossl.errors import CheckpointError
from videossl.models import C3D, R3D, Pretrainer, R2Plus1D, SpeedHead


@pytest.fixture
def net():
    """A function that builds a tiny net of two parts with random weights."""

    def build(**parts: nn.Module) -> nn.Module:
        model = nn.ModuleDict(dict(backbone=nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), **parts))
        with torch.no_grad():
            for value in (*model.parameters(), model['backbone'][1].running_mean):
                value.normal_()
        return model

    return build


TAKE_BACKBONE = {'backbone.': 'backbone.'}


def test_taken_dropped_left_and_mismatched_are_told_apart(net, save):
    source = net(projection=nn.Linear(4, 2), head=nn.Linear(4, 3))
    target = net(projection=nn.Linear(4, 5), predictor=nn.Linear(2, 2))
    before = {name: value.clone() for name, value in target.state_dict().items()}
    report = load_mapped(target, save(dict(state_dict=source.state_dict(), meta=dict(epoch=1))), TAKE_BACKBONE)
    backbone = [f'backbone.0.{name}' for name in ('weight', 'bias')] + [
        f'backbone.1.{name}' for name in ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')
    ]
    assert report.taken == backbone
    assert report.missing == ['projection.weight', 'projection.bias', 'predictor.weight', 'predictor.bias']
    assert report.dropped == ['projection.weight', 'projection.bias', 'head.weight', 'head.bias']
    assert report.mismatched == []
    for name, value in target.state_dict().items():
        assert torch.equal(value, source.state_dict()[name] if name in backbone else before[name]), name


def test_a_tensor_of_another_shape_is_named_with_both_shapes_and_left_as_it_was(net, save):
    source, target = net(head=nn.Linear(4, 3)), net(head=nn.Linear(4, 5))
    before = target['head'].weight.detach().clone()
    report = load_mapped(target, save(source.state_dict()), {'': ''})
    assert report.mismatched == ['head.weight (3, 4) for (5, 4)', 'head.bias (3,) for (5,)']
    assert report.missing == [] and report.dropped == []
    assert torch.equal(target['head'].weight, before)


def test_the_report_can_be_read(net, save):
    report = load_mapped(net(projection=nn.Linear(4, 5)), save(net(head=nn.Linear(4, 3)).state_dict()), TAKE_BACKBONE)
    lines = str(report).splitlines()
    assert lines[0] == '7 tensors taken, 2 dropped, 2 missing, 0 of another shape'
    assert '  taken: backbone.0 (2), backbone.1 (5)' in lines
    assert '  dropped: head (2)' in lines and '  missing: projection (2)' in lines


def test_one_source_may_feed_several_places(net, save):
    source, target = net(), net(key=net()['backbone'])
    report = load_mapped(target, save(source.state_dict()), {'backbone.': ['backbone.', 'key.']})
    for place in ('backbone', 'key'):
        for name, value in target[place].state_dict().items():
            assert torch.equal(value, source['backbone'].state_dict()[name]), f'{place}.{name}'
    assert len(report.taken) == 14 and report.missing == [] and report.dropped == []


def test_a_name_that_matches_two_entries_lands_in_both_places(net, save):
    source, target = net(), net(copy=nn.Linear(3, 4))
    report = load_mapped(target, save(source.state_dict()), {'backbone.': 'backbone.', 'backbone.0.': 'copy.'})
    assert torch.equal(target['copy'].weight, source['backbone'][0].weight)
    assert torch.equal(target['backbone'][0].weight, source['backbone'][0].weight)
    assert report.missing == []


def test_nothing_matched_is_an_error_that_names_what_there_is(net, save):
    checkpoint = save(dict(state_dict={'encoder.0.weight': torch.zeros(4, 3)}))
    with pytest.raises(CheckpointError, match=r"begins with \"backbone.\". The checkpoint has \['encoder'\]$"):
        load_mapped(net(), checkpoint, TAKE_BACKBONE)


def test_one_entry_that_matches_does_not_excuse_another_that_does_not(net, save):
    with pytest.raises(CheckpointError, match='begins with "neck."'):
        load_mapped(net(neck=nn.Linear(4, 2)), save(net().state_dict()), {'backbone.': 'backbone.', 'neck.': 'neck.'})


def test_matching_biases_and_batch_norms_alone_are_not_a_match(net, save):
    source = net()
    source['backbone'][0] = nn.Linear(7, 4)  # bias and batch norm fit
    with pytest.raises(CheckpointError, match=r'Differing shapes.*\(4, 7\) for \(4, 3\)'):
        load_mapped(net(), save(source.state_dict()), TAKE_BACKBONE)


@pytest.mark.parametrize(
    ('source', 'target'),
    [
        (C3D(base_channels=4), R3D(base_channels=4)),
        (R3D(base_channels=4), C3D(base_channels=4)),
        (R2Plus1D(base_channels=4), R3D(base_channels=4)),
        (R3D(base_channels=8), R3D(base_channels=4)),
    ],
    ids=['C3D into R3D', 'R3D into C3D', 'R(2+1)D into R3D', 'a wider R3D'],
)
def test_another_backbone_is_refused(save, source, target):
    with pytest.raises(CheckpointError, match='is it of another backbone, depth or width'):
        fill_backbone(target, save(source.state_dict()))


@pytest.mark.parametrize(
    'wrap',
    [
        lambda weights: weights,
        lambda weights: dict(state_dict=weights, meta=dict(epoch=3)),
        lambda weights: dict(model=weights),
        lambda weights: dict(state_dict={f'module.{name}': value for name, value in weights.items()}),
    ],
    ids=['bare', 'state_dict', 'model', 'written by a distributed wrapper'],
)
def test_a_backbone_takes_a_pretrainers_backbone_however_the_file_is_wrapped(save, wrap):
    source = Pretrainer(R3D(base_channels=2), heads=dict(speed=SpeedHead(16)))
    target = R3D(base_channels=2)
    report = fill_backbone(target, save(wrap(source.state_dict())))
    for name, value in target.state_dict().items():
        assert torch.equal(value, source.backbone.state_dict()[name]), name
    assert report.missing == [] and report.dropped == ['heads.speed.classifier.weight', 'heads.speed.classifier.bias']


@pytest.mark.parametrize('prefix', ['encoder_q', 'encoder_q.'])
def test_a_backbone_takes_what_another_prefix_names(net, save, prefix):
    source, target = net()['backbone'], net()['backbone']
    checkpoint = save({f'encoder_q.{name}': value for name, value in source.state_dict().items()})
    fill_backbone(target, checkpoint, prefix=prefix)
    assert torch.equal(target[0].weight, source[0].weight)


def test_a_bare_backbone_checkpoint_needs_no_prefix(save):
    source, target = R3D(base_channels=2), R3D(base_channels=2)
    report = fill_backbone(target, save(source.state_dict()))
    assert torch.equal(target.stem.conv.weight, source.stem.conv.weight) and report.missing == []


def test_half_precision_weights_become_the_models_type(net, save):
    source, target = net(), net()
    load_mapped(target, save({name: value.half() for name, value in source.state_dict().items()}), TAKE_BACKBONE)
    assert target['backbone'][0].weight.dtype == torch.float32
    torch.testing.assert_close(target['backbone'][0].weight, source['backbone'][0].weight, atol=1e-2, rtol=1e-2)


def test_parameters_that_were_filled_can_still_be_trained(net, save):
    target = net()
    load_mapped(target, save(net().state_dict()), TAKE_BACKBONE)
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in target.parameters())


def test_a_backbones_file_is_read_once(save, monkeypatch):
    from videossl import apis

    source = Pretrainer(R3D(base_channels=2), heads=dict(speed=SpeedHead(16)))
    path, reads = save(dict(state_dict=source.state_dict())), []
    load = torch.load
    monkeypatch.setattr(torch, 'load', lambda *arguments, **settings: reads.append(1) or load(*arguments, **settings))
    fill_backbone(R3D(base_channels=2), path)
    assert len(reads) == 1
    apis.load_backbone(path, R3D(base_channels=2))
    assert len(reads) == 2


def test_names_that_are_no_text_and_a_folder_are_refused(net, save, tmp_path):
    with pytest.raises(CheckpointError, match='nothing in .* matches'):
        load_mapped(net(), save({3: torch.zeros(1), 'a.b': torch.zeros(1)}), TAKE_BACKBONE)
    with pytest.raises(CheckpointError, match='could not be read: Is a directory'):
        load_mapped(net(), str(tmp_path), TAKE_BACKBONE)
