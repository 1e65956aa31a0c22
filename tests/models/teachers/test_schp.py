"""The SCHP teacher: data sets, preparation of frames, and what it says when its weights are not there."""

import pytest
import torch
from torch.nn import functional as F

from videossl.models import SCHP
from videossl.models.teachers.letterbox import letterbox
from videossl.registry import MODELS

SMALL = dict(layers=(1, 2, 1, 1), width=1 / 16)


@pytest.fixture
def teacher(released_weights, save_released):
    """A small LIP teacher with weights from a file of the current generation."""
    return SCHP(save_released(released_weights(20)), **SMALL)


@pytest.mark.parametrize(
    ('dataset', 'num_classes', 'input_size', 'pairs'),
    [
        (
            'lip',
            20,
            473,
            {
                ('Left-arm', 'Right-arm'): (14, 15),
                ('Left-leg', 'Right-leg'): (16, 17),
                ('Left-shoe', 'Right-shoe'): (18, 19),
            },
        ),
        (
            'atr',
            18,
            512,
            {
                ('Left-shoe', 'Right-shoe'): (9, 10),
                ('Left-leg', 'Right-leg'): (12, 13),
                ('Left-arm', 'Right-arm'): (14, 15),
            },
        ),
        ('pascal-person-part', 7, 512, {}),
    ],
)
def test_each_data_set_has_its_classes_input_size_and_left_right_pairs(dataset, num_classes, input_size, pairs):
    teacher = MODELS.build(dict(type='SCHP', dataset=dataset, allow_random=True, **SMALL))
    assert teacher.num_classes == len(teacher.class_names) == teacher.network.num_classes == num_classes
    assert teacher.class_names[0] == 'Background' and teacher.input_size == (input_size, input_size)
    assert teacher.left_right_pairs == tuple(pairs.values())
    for names, indices in pairs.items():
        assert tuple(teacher.class_names[index] for index in indices) == names


def test_a_square_frame_gives_the_fusion_map_of_the_resized_bgr_frame(teacher):
    frames = torch.randint(256, (1, 3, 60, 60), dtype=torch.uint8)
    red, green, blue = (F.interpolate(frames.float() / 255, (473, 473), mode='bilinear', align_corners=True)).unbind(1)
    images = torch.stack([(blue - 0.406) / 0.225, (green - 0.456) / 0.224, (red - 0.485) / 0.229], 1)
    with torch.no_grad():
        expected = teacher.network(images)
    logits = teacher(frames)
    assert logits.shape == (1, 20, 119, 119)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(('frame_size', 'map_size'), [((60, 45), (25, 19)), ((30, 60), (13, 25))])
def test_the_map_of_another_frame_covers_the_frame_alone(teacher, frame_size, map_size):
    teacher.input_size = (97, 97)
    frames = torch.randint(256, (2, 3, *frame_size), dtype=torch.uint8)
    logits = teacher(frames)
    assert logits.shape == (2, 20, *map_size)
    # Black bars that are part of the frame give the same input: the cut-out is the middle of that frame's map. The side
    # that is cut has an odd number of places, so that its middle place is the middle of both maps.
    side = max(frame_size)
    images = letterbox(frames.float(), (97, 97)).flip(1)
    whole = teacher.network((images - teacher.mean) / teacher.std)
    assert whole.shape[-2:] == (25, 25) and side == 60
    middle = tuple(size // 2 for size in map_size)
    torch.testing.assert_close(logits[:, :, middle[0], middle[1]], whole[:, :, 12, 12])
    assert not torch.allclose(logits[:, :, 0, 0], whole[:, :, 0, 0])


def test_the_bars_are_black_pixels_and_not_the_mean_colour(teacher):
    teacher.input_size = (33, 33)
    seen = []
    teacher.network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    teacher(torch.full((1, 3, 10, 40), 255, dtype=torch.uint8))
    black = torch.tensor([-0.406 / 0.225, -0.456 / 0.224, -0.485 / 0.229])
    white = torch.tensor([0.594 / 0.225, 0.544 / 0.224, 0.515 / 0.229])
    torch.testing.assert_close(seen[0][0, :, 0, 16], black)
    torch.testing.assert_close(seen[0][0, :, 16, 16], white)


def test_the_networks_statistics_are_bit_identical_after_ten_steps_of_training_around_it(teacher):
    teacher.input_size = (33, 33)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    model = torch.nn.ModuleDict(dict(teacher=teacher, student=torch.nn.Conv2d(3, 20, 1)))
    optimizer = torch.optim.SGD([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1.0)
    frames = torch.rand(2, 3, 9, 9) * 255
    for _ in range(10):
        model.train()
        F.cross_entropy(model['student'](frames), teacher(frames).softmax(1)).backward()
        optimizer.step()
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert len(list(model['student'].parameters())) == len(optimizer.param_groups[0]['params'])


@pytest.mark.parametrize(
    ('dataset', 'file'),
    [
        ('lip', 'exp-schp-201908261155-lip.pth'),
        ('atr', 'exp-schp-201908301523-atr.pth'),
        ('pascal-person-part', 'exp-schp-201908270938-pascal-person-part.pth'),
    ],
)
@pytest.mark.parametrize(('checkpoint', 'error'), [(None, ValueError), ('nowhere/weights.pth', FileNotFoundError)])
def test_without_weights_the_error_says_which_file_where_from_and_what_to_set(dataset, file, checkpoint, error):
    with pytest.raises(error) as raised:
        MODELS.build(dict(type='SCHP', checkpoint=checkpoint, dataset=dataset))
    for part in (file, 'Google Drive', 'MIT licence', 'teacher.checkpoint=PATH', checkpoint or 'allow_random=True'):
        assert part in str(raised.value)


def test_a_checkpoint_of_another_data_set_is_refused(released_weights, save_released):
    with pytest.raises(RuntimeError, match='this checkpoint has 20 classes, num_classes=7'):
        SCHP(save_released(released_weights(20)), dataset='pascal-person-part', **SMALL)


def test_an_unknown_data_set_is_refused():
    with pytest.raises(ValueError, match="dataset must be one of .*'atr'.*, got 'cihp'"):
        SCHP(dataset='cihp', allow_random=True)
