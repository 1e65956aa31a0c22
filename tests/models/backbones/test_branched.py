"""A net taken apart into shared stages and one copy of the others for each task."""

import copy

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope
from torch import nn

from videossl.checkpoints.hand_off import fill_backbone, load_mapped
from videossl.errors import CheckpointError
from videossl.models.backbones import C3D, R3D, S3DG, BranchedBackbone, R2Plus1D, ResNet3D
from videossl.registry import MODELS

SMALL = dict(type='R3D', base_channels=2)
every_backbone = pytest.mark.parametrize('name', ['R3D', 'R2Plus1D', 'C3D'])


@pytest.fixture
def clips():
    torch.manual_seed(0)
    return torch.rand(2, 3, 8, 32, 32)


@pytest.fixture
def save(tmp_path):
    def save(state_dict, name='stage.pth'):
        torch.save(dict(state_dict=state_dict), tmp_path / name)
        return str(tmp_path / name)

    return save


def by_hand(backbone, branch, clips):
    """The map of one branch, stage after stage."""
    feature_map = clips
    for stage in list(backbone.shared.children()) + list(backbone.branches[branch].children()):
        feature_map = stage(feature_map)
    return feature_map


@every_backbone
def test_the_first_three_of_five_stages_are_shared_and_each_branch_has_the_last_two(name):
    backbone = BranchedBackbone(dict(type=name, base_channels=2))
    assert backbone.num_shared_stages == 3
    assert [stage for stage, _ in backbone.shared.named_children()] == ['stem', 'stage1', 'stage2']
    for branch in ('human', 'contrast'):
        assert [stage for stage, _ in backbone.branches[branch].named_children()] == ['stage3', 'stage4']
    prefixes = {'.'.join(key.split('.')[: 3 if key.startswith('branches') else 2]) for key in backbone.state_dict()}
    assert prefixes == {
        'shared.stem',
        'shared.stage1',
        'shared.stage2',
        'branches.human.stage3',
        'branches.human.stage4',
        'branches.contrast.stage3',
        'branches.contrast.stage4',
    }


def test_what_is_shared_of_the_papers_nets_ends_at_a_quarter_of_the_side():
    # conv1, conv2 and conv3 (C3D: conv1 to conv3b) put out 28x28 from 112x112; conv4 and conv5 come down to 7x7.
    for net in (R2Plus1D(base_channels=2), C3D(base_channels=2)):
        shared = BranchedBackbone(net).shared
        with torch.no_grad():
            assert shared(torch.rand(1, 3, 16, 112, 112)).shape[2:] == (8, 28, 28)


@pytest.mark.parametrize('net_class', [ResNet3D, S3DG])
def test_nets_of_other_strides_are_divided_before_their_last_two_halvings_too(net_class):
    backbone = BranchedBackbone(net_class(base_channels=4))
    with torch.no_grad():
        side = backbone.shared(torch.rand(1, 3, 16, 64, 64)).shape[-1]
        last = backbone(torch.rand(2, 3, 16, 64, 64))
    assert side == 4 * last.shape[-1] and last.shape[1] == backbone.out_channels


@every_backbone
def test_the_map_is_both_branches_maps_in_their_order(name, clips):
    backbone = BranchedBackbone(dict(type=name, base_channels=2)).eval()
    expected = [by_hand(backbone, branch, clips) for branch in ('human', 'contrast')]
    assert backbone.out_channels == 32 and backbone.branch_channels == 16
    torch.testing.assert_close(backbone(clips), torch.cat(expected, 1))
    assert not torch.allclose(*expected), 'both branches do the same'
    turned = BranchedBackbone(dict(type=name, base_channels=2), branches=['contrast', 'human']).eval()
    turned.load_state_dict(backbone.state_dict())
    torch.testing.assert_close(turned(clips), torch.cat(expected[::-1], 1))


def test_the_papers_width_gives_a_representation_of_1024():
    with torch.device('meta'):
        backbone = BranchedBackbone(dict(type='R2Plus1D', depth=10))
        shared = BranchedBackbone(dict(type='R2Plus1D', depth=10), branches=['both'])
    assert backbone.out_channels == 1024 and shared.out_channels == 512
    assert sum(value.numel() for value in shared.parameters()) == 14_365_303
    high_level = sum(value.numel() for value in shared.branches.parameters())
    assert sum(value.numel() for value in backbone.parameters()) == 14_365_303 + high_level


def test_a_dict_of_maps_is_given_when_asked_for(clips):
    backbone = BranchedBackbone(SMALL, output='branches').eval()
    maps = backbone(clips)
    assert list(maps) == ['human', 'contrast'] and backbone.out_channels == 16
    for branch, feature_map in maps.items():
        torch.testing.assert_close(feature_map, by_hand(backbone, branch, clips))


@pytest.mark.parametrize('num_shared', [0, 1, 4])
def test_the_place_of_the_division_can_be_chosen(num_shared, clips):
    backbone = BranchedBackbone(SMALL, num_shared_stages=num_shared).eval()
    assert len(backbone.shared) == num_shared and len(backbone.branches['human']) == 5 - num_shared
    torch.testing.assert_close(backbone(clips)[:, 16:], by_hand(backbone, 'contrast', clips))


def test_every_branch_is_initialised_on_its_own_and_learns_from_its_own_loss(clips):
    backbone = BranchedBackbone(SMALL)
    human, contrast = (backbone.branches[name].stage4 for name in ('human', 'contrast'))
    assert not torch.equal(human[0].conv1.weight, contrast[0].conv1.weight)
    feature_map = backbone(clips)[:, :16]
    (feature_map.square() * torch.rand_like(feature_map)).sum().backward()
    assert human[0].conv1.weight.grad.abs().max() > 0
    assert backbone.shared.stem.conv.weight.grad.abs().max() > 0
    assert contrast[0].conv1.weight.grad is None or contrast[0].conv1.weight.grad.abs().max() == 0


def test_a_built_net_hands_its_weights_to_every_branch(clips):
    plain = R3D(base_channels=2).eval()
    expected = plain(clips)
    backbone = BranchedBackbone(plain).eval()
    torch.testing.assert_close(backbone(clips), torch.cat([expected, expected], 1))
    weights = [backbone.branches[name].stage4[0].conv1.weight for name in ('human', 'contrast')]
    assert weights[0].data_ptr() != weights[1].data_ptr(), 'the branches are one'


def test_one_branch_is_the_plain_net(clips):
    plain = R3D(base_channels=2).eval()
    expected = plain(clips)
    torch.testing.assert_close(BranchedBackbone(plain, branches=['both']).eval()(clips), expected)


def test_keep_branches_leaves_the_shared_part_and_those_named(clips):
    backbone = BranchedBackbone(SMALL).eval()
    averaged = copy.deepcopy(backbone).keep_branches(['contrast'])
    assert averaged.branch_names == ['contrast'] and averaged.out_channels == 16
    assert not [key for key in averaged.state_dict() if 'human' in key]
    torch.testing.assert_close(averaged(clips), by_hand(backbone, 'contrast', clips))
    assert backbone.branch_names == ['human', 'contrast'], 'the original lost a branch'
    names = dict(backbone.named_parameters())
    assert all(name in names for name, _ in averaged.named_parameters())
    with pytest.raises(ValueError, match='no branch motion; .*human, contrast'):
        backbone.keep_branches(['motion'])
    with pytest.raises(ValueError, match='at least one name'):
        backbone.keep_branches([])


def trainable(module):
    return [parameter.requires_grad for parameter in module.parameters()]


@pytest.mark.parametrize('frozen_stages', [-1, 1, 3])
def test_frozen_stages_counts_as_in_the_plain_net(frozen_stages, clips):
    backbone = BranchedBackbone(dict(SMALL, frozen_stages=frozen_stages))
    backbone.train()
    for chain in (backbone.branches['human'], backbone.branches['contrast']):
        for place, stage in enumerate(list(backbone.shared) + list(chain)):
            assert trainable(stage) == [place > frozen_stages] * len(trainable(stage))
            assert stage.training == (place > frozen_stages)
    before = {name: value.clone() for name, value in backbone.state_dict().items() if 'running_mean' in name}
    backbone(clips)
    moved = {name for name, value in before.items() if not torch.equal(value, backbone.state_dict()[name])}
    frozen = {f'stage{number}' if number else 'stem' for number in range(frozen_stages + 1)}
    assert moved == {name for name in before if not frozen & set(name.split('.'))}


def test_norm_eval_reaches_every_batch_norm():
    backbone = BranchedBackbone(dict(SMALL, norm_eval=True))
    backbone.train()
    assert not any(module.training for module in backbone.modules() if isinstance(module, nn.BatchNorm3d))
    assert backbone.branches['human'].stage4.training


def test_the_mapping_sends_the_last_stages_of_a_plain_net_to_every_branch():
    mapping = BranchedBackbone(SMALL).hand_off_mapping()
    assert mapping == {
        'backbone.stem.': ['backbone.shared.stem.'],
        'backbone.stage1.': ['backbone.shared.stage1.'],
        'backbone.stage2.': ['backbone.shared.stage2.'],
        'backbone.stage3.': ['backbone.branches.human.stage3.', 'backbone.branches.contrast.stage3.'],
        'backbone.stage4.': ['backbone.branches.human.stage4.', 'backbone.branches.contrast.stage4.'],
    }


def test_a_model_takes_a_plain_models_weights_by_the_mapping(save, clips):
    source = nn.ModuleDict(dict(backbone=R3D(base_channels=2))).eval()
    target = nn.ModuleDict(dict(backbone=BranchedBackbone(SMALL))).eval()
    report = load_mapped(target, save(source.state_dict()), target['backbone'].hand_off_mapping())
    assert report.missing == [] and report.dropped == [] and report.mismatched == []
    torch.testing.assert_close(target['backbone'](clips), source['backbone'](clips).repeat(1, 2, 1, 1, 1))


@pytest.mark.parametrize('prefix', ['', 'backbone.', 'encoder_q.'])
def test_init_cfg_takes_a_plain_nets_checkpoint_for_both_branches(save, clips, prefix):
    plain = R3D(base_channels=2).eval()
    checkpoint = save({f'{prefix}{name}': value for name, value in plain.state_dict().items()})
    init_cfg = dict(type='Pretrained', checkpoint=checkpoint)
    if prefix == 'encoder_q.':
        init_cfg['prefix'] = 'encoder_q'
    backbone = BranchedBackbone(SMALL, init_cfg=init_cfg).eval()
    backbone.init_weights()
    torch.testing.assert_close(backbone(clips), plain(clips).repeat(1, 2, 1, 1, 1))


def test_init_cfg_takes_a_branched_checkpoint_as_it_is(save, clips):
    source = nn.ModuleDict(dict(backbone=BranchedBackbone(SMALL))).eval()
    init_cfg = dict(type='Pretrained', checkpoint=save(source.state_dict()))
    backbone = BranchedBackbone(SMALL, init_cfg=init_cfg).eval()
    backbone.init_weights()
    torch.testing.assert_close(backbone(clips), source['backbone'](clips))
    inner = BranchedBackbone(dict(SMALL, init_cfg=init_cfg)).eval()
    inner.init_weights()
    torch.testing.assert_close(inner(clips), source['backbone'](clips))


def test_an_initialiser_of_the_inner_net_reaches_every_branch():
    backbone = BranchedBackbone(dict(SMALL, init_cfg=dict(type='Constant', layer='Conv3d', val=0.25)))
    backbone.init_weights()
    assert all((value == 0.25).all() for name, value in backbone.named_parameters() if value.ndim == 5)


def test_a_checkpoint_that_lacks_a_branch_or_is_divided_elsewhere_is_refused(save):
    target = BranchedBackbone(SMALL)
    one_branch = copy.deepcopy(target).keep_branches(['contrast'])
    with pytest.raises(CheckpointError, match='branches.human.stage3'):
        fill_backbone(target, save(one_branch.state_dict()))
    with pytest.raises(CheckpointError, match='shared.stage2'):
        fill_backbone(target, save(BranchedBackbone(SMALL, num_shared_stages=2).state_dict()))
    with pytest.raises(CheckpointError, match='is it of another backbone, depth or width'):
        fill_backbone(target, save(C3D(base_channels=2).state_dict()))
    report = fill_backbone(one_branch, save(target.state_dict()))
    assert report.missing == [] and all('human' in name for name in report.dropped) and report.dropped


@pytest.mark.parametrize('default_scope', ['videossl', 'mmaction'])
def test_a_recognizer_of_mmaction2_trains_with_it_in_either_scope(default_scope, clips):
    prefix = '' if default_scope == 'videossl' else 'videossl.'
    backbone = dict(type=f'{prefix}BranchedBackbone', backbone=dict(type='C3D', base_channels=2))
    with DefaultScope.overwrite_default_scope(default_scope):
        recognizer = MODELS.build(
            dict(type='Recognizer3D', backbone=backbone, cls_head=dict(type='I3DHead', num_classes=4, in_channels=32))
        )
    assert isinstance(recognizer.backbone, BranchedBackbone)
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 3)]
    recognizer(clips.unsqueeze(1), data_samples=samples, mode='loss')['loss_cls'].backward()
    assert all(parameter.grad is not None for parameter in recognizer.backbone.parameters())


@pytest.mark.parametrize('value', [-1, 5, 1.5, '3'])
def test_an_impossible_number_of_shared_stages_is_refused(value):
    with pytest.raises(ValueError, match='num_shared_stages must be .* to 4'):
        BranchedBackbone(SMALL, num_shared_stages=value)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(branches=[]), 'at least one name'),
        (dict(branches='human'), 'must be a list'),
        (dict(branches=['a.b']), 'must be a list of at least one name'),
        (dict(branches=['a', 'a']), 'a name of its own'),
        (dict(output='sum'), 'output must be one of'),
        (dict(backbone=dict(SMALL, out_indices=[3])), r'remove out_indices=\[3\]'),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        BranchedBackbone(**{'backbone': SMALL, **arguments})


def test_a_net_without_stages_is_refused():
    with pytest.raises(TypeError, match='PoolNeck has no stages'):
        BranchedBackbone(dict(type='PoolNeck'))
