"""From uint8 clips to floats, number by number."""

import pytest
import torch
from mmaction.structures import ActionDataSample

from videossl.errors import ConfigError
from videossl.models import ClipDataPreprocessor
from videossl.registry import MODELS


@pytest.fixture
def clips():
    """Two samples of two clips [3, 2, 4, 4], uint8."""
    return torch.randint(0, 256, (2, 2, 3, 2, 4, 4), dtype=torch.uint8)


def test_the_default_is_rgb_with_imagenets_mean_and_deviation(clips):
    outputs = MODELS.build(dict(type='ClipDataPreprocessor'))(dict(inputs=clips))['inputs']
    assert outputs.shape == clips.shape and outputs.dtype == torch.float32
    for channel, (mean, std) in enumerate([(123.675, 58.395), (116.28, 57.12), (103.53, 57.375)]):
        by_hand = (clips[:, :, channel].double() - mean) / std
        torch.testing.assert_close(outputs[:, :, channel].double(), by_hand, atol=1e-5, rtol=1e-5)


def test_the_released_codes_raw_bgr(clips):
    outputs = ClipDataPreprocessor(mean=(0, 0, 0), std=(1, 1, 1), to_bgr=True)(dict(inputs=clips))['inputs']
    for channel in range(3):
        assert torch.equal(outputs[:, :, channel], clips[:, :, 2 - channel].float())


def test_mean_and_deviation_belong_to_the_channels_after_the_swap(clips):
    outputs = ClipDataPreprocessor(mean=(1, 2, 3), std=(1, 2, 4), to_bgr=True)(dict(inputs=clips))['inputs']
    assert torch.equal(outputs[:, :, 0], clips[:, :, 2].float() - 1)
    assert torch.equal(outputs[:, :, 2], (clips[:, :, 0].float() - 3) / 4)


def test_a_scale_from_0_to_1():
    clips = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 1, 3, 1, 1, 1)
    outputs = ClipDataPreprocessor(mean=(0, 0, 0), std=(255,) * 3)(dict(inputs=clips))['inputs']
    torch.testing.assert_close(outputs.flatten(), torch.tensor([0, 0.2, 1]))


def test_a_list_of_samples_gives_what_their_batch_gives(clips):
    preprocessor = ClipDataPreprocessor()
    assert torch.equal(preprocessor(dict(inputs=list(clips)))['inputs'], preprocessor(dict(inputs=clips))['inputs'])


def test_samples_go_through_and_the_clips_are_left_as_they_were(clips):
    before = clips.clone()
    samples = [ActionDataSample(), ActionDataSample()]
    outputs = ClipDataPreprocessor()(dict(inputs=clips, data_samples=samples), training=True)
    assert list(outputs) == ['inputs', 'data_samples']
    assert len(outputs['data_samples']) == 2 and isinstance(outputs['data_samples'][0], ActionDataSample)
    assert torch.equal(clips, before)
    assert ClipDataPreprocessor()(dict(inputs=clips))['data_samples'] is None


def test_samples_of_different_shapes_are_refused_with_the_shapes():
    with pytest.raises(ValueError, match=r'differ in shape: \[\(1, 3, 2, 4, 4\), \(1, 3, 2, 4, 6\)\]'):
        ClipDataPreprocessor()(dict(inputs=[torch.zeros(1, 3, 2, 4, 4), torch.zeros(1, 3, 2, 4, 6)]))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(mean=(0, 0)), 'one value for each of the 3 channels'),
        (dict(std=(1,)), 'one value for each of the 3 channels'),
        (dict(std=(1, 0, 1)), 'std must be positive'),
    ],
)
def test_unusable_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ClipDataPreprocessor(**arguments)


def test_mean_and_deviation_are_not_in_the_state_dict():
    assert dict(ClipDataPreprocessor().state_dict()) == {}


def test_a_random_size_is_one_for_the_batch_and_for_training_alone():
    torch.manual_seed(0)
    clips = torch.randint(0, 256, (2, 2, 3, 4, 20, 30), dtype=torch.uint8)
    preprocessor = ClipDataPreprocessor(random_size=(8, 16))
    assert preprocessor(dict(inputs=clips))['inputs'].shape == clips.shape
    sides = []
    for _ in range(100):
        *batch, height, width = preprocessor(dict(inputs=clips), training=True)['inputs'].shape
        assert batch == [2, 2, 3, 4] and height == width
        sides.append(height)
    assert set(sides) == set(range(8, 16))
    torch.manual_seed(0)
    again = [preprocessor(dict(inputs=clips), training=True)['inputs'].shape[-1] for _ in range(100)]
    torch.manual_seed(0)
    assert again == [preprocessor(dict(inputs=clips), training=True)['inputs'].shape[-1] for _ in range(100)]


def test_a_random_size_keeps_the_frames_apart_and_their_mean():
    clips = torch.zeros(1, 1, 3, 2, 16, 16, dtype=torch.uint8)
    clips[0, 0, :, 1] = 200
    plain = dict(mean=(0, 0, 0), std=(1, 1, 1))
    first, second = ClipDataPreprocessor(**plain, random_size=(8, 9))(dict(inputs=clips), True)['inputs'].unbind(3)
    assert first.shape[-1] == 8 and (first == 0).all() and (second == 200).all()


@pytest.mark.parametrize('size', [(8, 8), (0, 4), (9, 4)])
def test_a_range_without_sizes_is_refused(size):
    with pytest.raises(ValueError, match='random_size'):
        ClipDataPreprocessor(random_size=size)


def test_motion_leaves_the_distance_from_the_mean_of_the_clip():
    clips = torch.randint(0, 256, (2, 2, 3, 5, 4, 4), dtype=torch.uint8)
    outputs = ClipDataPreprocessor(std=(2, 4, 8), motion='clip_mean')(dict(inputs=clips))['inputs']
    for channel, std in enumerate((2, 4, 8)):
        frames = clips[:, :, channel].double()
        by_hand = (frames - sum(frames[:, :, time] for time in range(5)).unsqueeze(2) / 5) / std
        torch.testing.assert_close(outputs[:, :, channel].double(), by_hand, atol=1e-4, rtol=1e-4)


def test_motion_leaves_the_distance_from_the_frame_before():
    clips = torch.randint(0, 256, (2, 1, 3, 5, 4, 4), dtype=torch.uint8)
    outputs = ClipDataPreprocessor(std=(2, 4, 8), to_bgr=True, motion='difference')(dict(inputs=clips))['inputs']
    assert outputs.shape == clips.shape and not outputs[:, :, :, 0].any()
    for channel, std in enumerate((2, 4, 8)):
        frames = clips[:, :, 2 - channel].double()
        by_hand = torch.stack([frames[:, :, time] - frames[:, :, time - 1] for time in range(1, 5)], 2) / std
        torch.testing.assert_close(outputs[:, :, channel, 1:].double(), by_hand, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('motion', ['clip_mean', 'difference'])
def test_what_stands_still_becomes_zero_and_cannot_come_back(motion):
    preprocessor = ClipDataPreprocessor(motion=motion)
    still = torch.randint(0, 256, (1, 1, 3, 1, 4, 4), dtype=torch.uint8).expand(-1, -1, -1, 4, -1, -1)
    outputs = preprocessor(dict(inputs=still))['inputs']
    torch.testing.assert_close(outputs, torch.zeros_like(outputs), atol=1e-5, rtol=0)
    with pytest.raises(ConfigError, match='leaves no pixels to go back to'):
        preprocessor.pixels_of(outputs)


def test_another_motion_is_refused():
    with pytest.raises(ValueError, match=r"motion.*'clip_mean', 'difference'"):
        ClipDataPreprocessor(motion='flow')
