"""Maps lie where a net looks, and leave the net as it was."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from videossl.compat import config_directory
from videossl.datasets import SamplePace, SampleSegmentPace
from videossl.models import C3D, R3D, OrderHead, ParsingDistillHead, Pretrainer, R2Plus1D, SpeedHead, TupleHead
from videossl.visualization import cam_maps, means_on_masks
from videossl.visualization.cam import ClassScores, component_colours, layer_output, spread_out, unit_positions

CONFIG = f'{config_directory()}/laptop/vspp_r3d-10_16x1x1-64px-20e_videos-rgb.py'
METHODS = ('activation', 'grad-cam')


def needs_package(method):
    if method == 'grad-cam':
        pytest.importorskip('captum')


class PlainPixels(nn.Module):
    """Puts nothing between clips and net but a division."""

    def forward(self, data):
        return dict(inputs=torch.stack(data['inputs']).float() / 255)


@pytest.fixture
def looks_at_red_and_green():
    """A net of two channels, the amount of red and of green, pooled over 4 x 4 pixels; class 0 is red, class 1 is green."""

    class Colours(nn.Sequential):
        def __init__(self):
            conv = nn.Conv3d(3, 2, 1, bias=False)
            conv.weight.data = torch.eye(3)[:2].view(2, 3, 1, 1, 1)
            super().__init__(conv, nn.AvgPool3d((1, 4, 4)))

    head = SpeedHead(in_channels=2, num_speeds=2)
    head.classifier.weight.data, head.classifier.bias.data = torch.eye(2), torch.zeros(2)
    model = Pretrainer(backbone=Colours(), heads=dict(speed=head))
    model.data_preprocessor = PlainPixels()
    return model


def red_left_green_right():
    """Clips of 2 frames of 16 x 16: a red square at rows 4..7, columns 0..3; a larger green one at 8..11, 8..15."""
    clips = torch.zeros(1, 3, 2, 16, 16, dtype=torch.uint8)
    clips[:, 0, :, 4:8, 0:4] = 255
    clips[:, 1, :, 8:12, 8:16] = 255
    return clips


@pytest.mark.parametrize(
    ('target', 'rows', 'columns'), [(0, (4, 8), (0, 4)), (1, (8, 12), (8, 16)), (None, (8, 12), (8, 16))]
)
def test_grad_cam_lies_on_what_speaks_for_the_class(looks_at_red_and_green, target, rows, columns):
    needs_package('grad-cam')
    result = cam_maps(looks_at_red_and_green, red_left_green_right(), 'grad-cam', target=target, sampler=SamplePace())
    assert result.maps.shape == (1, 2, 16, 16) and result.maps.dtype == np.float32
    assert result.maps.min() == 0 and result.maps.max() == 1
    inside = np.zeros((16, 16), dtype=bool)
    inside[slice(*rows), slice(*columns)] = True
    on, off = means_on_masks(result.maps[0, 0], inside)
    assert on > 0.5 > 5 * off
    words = 'natural speed' if target == 0 else '2 times natural speed'
    taken = ', as the network takes it' if target is None else ''
    assert result.shown == [f'Grad-CAM of backbone for {words}{taken}']


def test_a_class_has_the_words_of_the_sampler_or_of_the_label_or_those_that_are_given(looks_at_red_and_green):
    scores = ClassScores(looks_at_red_and_green)
    assert [scores.name_of(1, sampler=SampleSegmentPace()), scores.name_of(1)] == ['2 times natural speed', 'speed 1']
    assert scores.name_of(1, ['slow', 'fast'], SamplePace()) == '"fast"'


def test_activation_lies_on_both_and_names_no_class(looks_at_red_and_green):
    result = cam_maps(looks_at_red_and_green, red_left_green_right())
    assert result.maps.max() == 1 and result.maps.min() == 0
    assert result.maps[0, 0, 5, 1] > 0.5 and result.maps[0, 0, 10, 12] > 0.5 and result.maps[0, 0, 2, 12] < 0.5
    assert result.shown == ['activation of backbone, no class']


def test_a_map_that_is_the_same_everywhere_is_zero(looks_at_red_and_green):
    assert (cam_maps(looks_at_red_and_green, torch.zeros(1, 3, 2, 16, 16, dtype=torch.uint8)).maps == 0).all()


@pytest.fixture
def small_pretrainer():
    torch.manual_seed(0)
    backbone = R3D(depth=10, base_channels=4, frozen_stages=1)
    return Pretrainer(backbone=backbone, heads=dict(speed=SpeedHead(in_channels=32), other=SpeedHead(in_channels=32)))


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('layer', [None, 'stem', 'stage3', 'backbone.stage2.0'])
def test_the_model_is_left_as_it_was(small_pretrainer, method, layer):
    needs_package(method)
    model = small_pretrainer
    model.train()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5) if parameter.requires_grad else None
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    learns = [parameter.requires_grad for parameter in model.parameters()]
    clips = torch.randint(0, 256, (2, 3, 8, 32, 32), dtype=torch.uint8)
    result = cam_maps(model, clips, method, layer, head='speed' if method == 'grad-cam' else None)
    assert result.maps.shape == (2, 8, 32, 32) and np.isfinite(result.maps).all()
    assert result.maps.min() >= 0 and result.maps.max() <= 1
    assert all((tensor == before[name]).all() for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes and True in modes and False in modes
    assert [parameter.requires_grad for parameter in model.parameters()] == learns
    assert all((parameter.grad == 0.5).all() for parameter in model.parameters() if parameter.requires_grad)
    assert not any(
        module._forward_hooks or module._backward_hooks or module._forward_pre_hooks for module in model.modules()
    )


def test_the_classifier_is_the_heads_own(small_pretrainer):
    small_pretrainer.eval()
    clips = torch.randn(2, 3, 8, 32, 32)
    scores = ClassScores(small_pretrainer, 'other')(clips)
    pooled = small_pretrainer(clips[:, None], mode='predict')[:, 0]
    assert torch.allclose(scores, small_pretrainer.heads['other'].classifier(pooled), atol=1e-5)


def test_a_recogniser_is_explained_too():
    needs_package('grad-cam')
    from videossl.registry import MODELS

    model = MODELS.build(
        dict(
            type='Recognizer3D',
            _scope_='videossl',
            backbone=dict(type='R3D', base_channels=4),
            cls_head=dict(type='I3DHead', num_classes=3, in_channels=32, spatial_type='avg'),
            data_preprocessor=dict(type='ClipDataPreprocessor'),
        )
    )
    clips = torch.randint(0, 256, (2, 3, 8, 32, 32), dtype=torch.uint8)
    result = cam_maps(model, clips, 'grad-cam', 'stage3', target=1, class_names=['run', 'jump', 'sit'])
    assert result.maps.shape == (2, 8, 32, 32) and result.shown == ['Grad-CAM of backbone.stage3 for "jump"'] * 2


@pytest.mark.parametrize(('backbone', 'size'), [(R3D, 64), (R2Plus1D, 64), (C3D, 112)])
def test_units_look_where_the_places_say(backbone, size):
    torch.manual_seed(0)
    net = backbone(base_channels=4).eval()
    model = Pretrainer(backbone=net, heads=dict(speed=SpeedHead(in_channels=net.out_channels)))
    for parameter in net.parameters():  # all weights positive: a unit's gradient is how often it sees a pixel
        if parameter.ndim > 1:
            parameter.data = torch.full_like(parameter, 1 / parameter[0].numel())
    for parent in list(net.modules()):  # of equal pixels the maximum is the first, the mean looks at all
        for child_name, child in parent.named_children():
            if isinstance(child, nn.MaxPool3d):
                setattr(parent, child_name, nn.AvgPool3d(child.kernel_size, child.stride, child.padding))
    for name, stage in net.stages()[2:4]:
        clips = torch.ones(1, 3, 16, size, size, requires_grad=True)
        _, places = layer_output(model, stage, f'backbone.{name}', clips)
        maps = []
        handle = stage.register_forward_hook(lambda _module, _inputs, output: maps.append(output))
        net(clips)
        handle.remove()
        middle = [length // 2 for length in maps[0].shape[2:]]
        for axis in (1, 2):  # the middle unit's field may leave the clip in time, but hardly in space
            (seen,) = torch.autograd.grad(
                maps[0][0, :, middle[0], middle[1], middle[2]].sum(), clips, retain_graph=True
            )
            share = seen.abs().sum(dim=[other for other in range(5) if other != axis + 2])
            centre = float((share * torch.arange(size)).sum() / share.sum())
            first, step = places[axis]
            assert abs(first + step * middle[axis] - centre) < 1.0, (name, axis)


def test_padded_strides_and_pooled_pairs_look_at_different_places():
    size = (8, 32, 32)
    padded = [
        (nn.Conv3d(1, 1, 3, stride=2, padding=1), size),
        (nn.Conv3d(1, 1, 1, stride=2), size),
        (nn.Conv3d(1, 1, 3, stride=(1, 2, 2), padding=1), (4, 16, 16)),
    ]
    assert unit_positions(padded, size, (4, 8, 8)) == [(0, 2), (0, 4), (0, 4)]
    pooled = [(nn.MaxPool3d(2), size), (nn.MaxPool3d((1, 2, 2), stride=(1, 2, 2)), (4, 16, 16))]
    assert unit_positions(pooled, size, (4, 8, 8)) == [(0.5, 2), (1.5, 4), (1.5, 4)]
    assert unit_positions([], size, (4, 8, 8)) == [(0.5, 2), (1.5, 4), (1.5, 4)]


def test_interpolation_is_linear_between_units_and_constant_beyond():
    maps = torch.tensor([0.0, 8.0]).view(1, 1, 1, 2)
    row = spread_out(maps, (1, 1, 8), [(0, 1), (0, 1), (2, 4)])
    assert row.flatten().tolist() == [0, 0, 0, 2, 4, 6, 8, 8]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(method='cam'), "'cam'"),
        (dict(layer='stage9'), r"no layer \"stage9\".*'stem', 'stage1'"),
        (dict(layer='heads.speed'), 'nothing'),
        (dict(target=1), 'method="grad-cam"'),
        (dict(method='grad-cam'), r"name one of its classifiers, \['speed', 'other'\]"),
        (dict(method='grad-cam', head='segment'), 'segment'),
        (dict(method='grad-cam', head='speed', target=4), 'target=4 is no class from 0 to 3'),
    ],
)
def test_what_cannot_be_shown_is_refused(small_pretrainer, arguments, message):
    needs_package(arguments.get('method'))
    with pytest.raises(ValueError, match=message):
        cam_maps(small_pretrainer, torch.zeros(1, 3, 8, 32, 32, dtype=torch.uint8), **arguments)


@pytest.mark.parametrize(
    'head', [ParsingDistillHead(32, 3), TupleHead(32, 2, 3, 'gt_order'), OrderHead(32, tuple_len=3)]
)
def test_heads_that_give_no_class_of_a_clip_are_no_classifiers(head):
    necks = {head.embedding_name: dict(type='PoolNeck')}
    with pytest.raises(ValueError, match='none of its heads gives a clip a class, so use method="activation"'):
        ClassScores(Pretrainer(backbone=nn.Conv3d(3, 32, 1), necks=necks, heads=dict(only=head)))


def test_without_captum_the_error_says_what_to_install(small_pretrainer, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'captum.attr', None)
    with pytest.raises(ImportError, match='pip install "captum'):
        cam_maps(small_pretrainer, torch.zeros(1, 3, 8, 32, 32, dtype=torch.uint8), 'grad-cam', head='speed')


def test_means_on_masks_are_those_of_the_pixels():
    maps, masks = np.array([[1.0, 0.5], [0.25, 0.0]]), np.array([[True, True], [False, False]])
    assert means_on_masks(maps, masks) == (0.75, 0.125)
    for bad in (np.zeros((2, 2), bool), np.ones((2, 2), bool), np.zeros((3, 2), bool)):
        with pytest.raises(ValueError, match='mask'):
            means_on_masks(maps, bad)


def test_the_tool_measures_moving_shapes_and_goes_on_after_a_broken_video(analysis_tool, tmp_path, capsys):
    from videossl.datasets.moving_shapes import write_moving_shapes

    folder = write_moving_shapes(tmp_path / 'shapes', num_train=0, num_test=2, num_frames=20, workers=1)
    (tmp_path / 'broken.mp4').write_text('no video')
    shapes = sorted(str(path) for path in (folder / 'videos' / 'test').iterdir())
    options = [
        'model.backbone.base_channels=4',
        'model.heads.speed.in_channels=32',
        'model.heads.segment.in_channels=32',
    ]
    analysis_tool('cam').main(
        [
            CONFIG,
            'none',
            '--videos',
            str(tmp_path / 'broken.mp4'),
            *shapes,
            '--method',
            'activation',
            '--layer',
            'stage2',
            '--on-masks',
            '--out',
            str(tmp_path / 'out'),
            '--cfg-options',
            *options,
        ]
    )
    printed = capsys.readouterr().out
    assert 'left out' in printed and 'broken.mp4' in printed and 'over 2 videos' in printed
    assert 'higher on the shape in 2 of them' in printed  # there is nothing else to see in these videos
    assert len(list((tmp_path / 'out').glob('*.mp4'))) == len(list((tmp_path / 'out').glob('*.png'))) == 2


def test_the_tool_refuses_to_explain_a_classifier_that_was_never_trained(analysis_tool, small_pretrainer, tmp_path):
    torch.save(small_pretrainer.backbone.state_dict(), tmp_path / 'backbone.pth')
    arguments = [
        CONFIG,
        str(tmp_path / 'backbone.pth'),
        '--videos',
        'a.mp4',
        '--out',
        str(tmp_path / 'out'),
        '--head',
        'speed',
    ]
    with pytest.raises(ValueError, match='no weights of speed'):
        analysis_tool('cam').main(arguments)


def test_the_tool_names_the_heads_there_are(analysis_tool, small_pretrainer, tmp_path):
    torch.save(small_pretrainer.state_dict(), tmp_path / 'vspp.pth')
    heads = ', '.join(small_pretrainer.heads)
    with pytest.raises(ValueError, match=f'no weights of order; it has the heads {heads}: name one'):
        analysis_tool('cam').main(
            [CONFIG, str(tmp_path / 'vspp.pth'), '--videos', 'a.mp4', '--out', str(tmp_path / 'out'), '--head', 'order']
        )


def test_principal_components_are_colours_of_equal_features():
    first, second, third = torch.eye(4)[:3]
    halves = torch.stack([2 * first, -2 * first, second, -second, 0.5 * third, -0.5 * third], 1)  # [4, 6]
    colours = component_colours(halves.view(1, 4, 1, 2, 3).repeat(2, 1, 5, 1, 1))
    expected = torch.full((6, 3), 0.5)
    for component in range(3):
        expected[2 * component, component], expected[2 * component + 1, component] = 1, 0
    assert torch.allclose(colours[1, :, 3].flatten(1).T, expected, atol=1e-6)
    assert torch.equal(colours[0], colours[1]) and colours.shape == (2, 3, 5, 2, 3)


def test_a_map_with_one_component_has_one_colour():
    colours = component_colours(torch.arange(20.0).view(1, 1, 5, 2, 2))
    assert colours[:, 1:].eq(0).all() and colours[0, 0].flatten().diff().ge(0).all() and colours.max() == 1
    assert component_colours(torch.ones(1, 8, 2, 2, 2)).eq(0).all()


def test_the_pca_of_a_net_covers_the_clip(looks_at_red_and_green):
    clips = torch.zeros(2, 3, 4, 16, 16, dtype=torch.uint8)
    clips[0, 0, :, :, :8], clips[1, 1, :2] = 200, 200
    result = cam_maps(looks_at_red_and_green, clips, 'pca')
    assert result.maps.shape == (2, 4, 16, 16, 3) and 'principal components' in result.shown[0]
    # The empty halves of both clips are alike, and unlike the red and the green.
    assert np.allclose(result.maps[0, 0, 5, 14], result.maps[1, 3, 5, 5])
    assert np.abs(result.maps[0, 0, 5, 2] - result.maps[0, 0, 5, 14]).max() > 0.5
    with pytest.raises(ValueError, match='asks for none'):
        cam_maps(looks_at_red_and_green, clips, 'pca', target=1)
