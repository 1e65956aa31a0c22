"""SCHP's geometry against OpenCV's affine warp, as its own evaluation calls it."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from videossl.models.teachers.letterbox import letterbox, undo_letterbox

FRAMES = [(90, 120), (120, 90), (64, 64), (33, 200), (171, 128)]
INPUTS = [(97, 97), (128, 128), (97, 65)]


def smooth_picture(height, width):
    """float32 [H, W, 3], 40..210, with slopes of at most 4 a pixel, so that OpenCV's 32 steps a pixel hardly show."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([125 + 40 * np.sin(x / 21) + 40 * np.cos(y / 17), 40 + x / 2 + y / 2, 200 - x / 3 + y / 20], -1)


def three_point_transform(frame_size, input_size):
    """OpenCV's matrix from three pairs of points: the centre, the middle of the upper side, and a corner beside them."""
    height, width = frame_size[0] - 1, frame_size[1] - 1
    centre = np.array([width / 2, height / 2])
    aspect = input_size[1] / input_size[0]
    if width > aspect * height:
        height = width / aspect
    else:
        width = height * aspect
    to_centre = (np.array(input_size[::-1]) - 1) / 2
    up, target_up = np.array([0, -width / 2]), np.array([0, -(input_size[1] - 1) / 2])
    left, target_left = up[::-1], target_up[::-1]
    source = np.float32([centre, centre + up, centre + up + left])
    target = np.float32([to_centre, to_centre + target_up, to_centre + target_up + target_left])
    return cv2.getAffineTransform(source, target)


def covered(frame_size, input_size, matrix, inner):
    """Whether an input pixel falls inside the frame by ``inner`` pixels of the frame (negative: outside by so many)."""
    y, x = np.mgrid[: input_size[0], : input_size[1]]
    back = cv2.invertAffineTransform(matrix)
    source_x, source_y = (row[0] * x + row[1] * y + row[2] for row in back)
    return (
        (source_x >= inner)
        & (source_x <= frame_size[1] - 1 - inner)
        & (source_y >= inner)
        & (source_y <= frame_size[0] - 1 - inner)
    )


@pytest.mark.parametrize('input_size', INPUTS)
@pytest.mark.parametrize('frame_size', FRAMES)
def test_a_letterboxed_frame_is_opencvs_affine_warp_on_black(frame_size, input_size):
    picture = smooth_picture(*frame_size)
    matrix = three_point_transform(frame_size, input_size)
    warped = cv2.warpAffine(picture, matrix, input_size[::-1], flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    ours = letterbox(torch.from_numpy(picture).permute(2, 0, 1)[None], input_size)[0].permute(1, 2, 0).numpy()
    assert ours.shape == warped.shape
    inside, outside = covered(frame_size, input_size, matrix, 0.1), ~covered(frame_size, input_size, matrix, -1.1)
    assert inside.sum() > 500
    assert np.abs(ours - warped)[inside].max() < 0.3
    assert np.all(ours[outside] == 0) and np.all(warped[outside] == 0)
    # On the frame's rim a pixel is part picture, part black; OpenCV's steps are of 1/32 pixel.
    assert np.abs(ours - warped).max() < 210 / 16


def test_the_frame_touches_the_inputs_border_on_its_longer_side_alone():
    boxed = letterbox(torch.full((1, 1, 50, 101), 80.0), (51, 51))[0, 0]
    rows = boxed[:, 25].nonzero().flatten()
    assert boxed[25].min() == 80  # from the left to the right border
    assert rows.tolist() == list(range(13, 38))  # 25 +- 49/4, exclusive of what is all black


@pytest.mark.parametrize('side', [112, 473])
def test_a_square_frame_is_a_plain_resize_with_corners_on_corners(side):
    frames = torch.rand(2, 3, side, side)
    torch.testing.assert_close(
        letterbox(frames, (97, 97)),
        F.interpolate(frames, (97, 97), mode='bilinear', align_corners=True),
        rtol=0,
        atol=0,
    )
    assert torch.equal(letterbox(frames, (97, 97))[..., 0, 0], frames[..., 0, 0])
    assert torch.equal(letterbox(frames, (97, 97))[..., -1, -1], frames[..., -1, -1])


def test_the_map_of_a_square_frame_is_left_as_it_is():
    maps = torch.rand(1, 4, 30, 30)
    assert undo_letterbox(maps, (112, 112), (97, 97)) is maps


@pytest.mark.parametrize('input_size', INPUTS)
@pytest.mark.parametrize('frame_size', [size for size in FRAMES if size[0] != size[1]])
def test_cutting_back_finds_each_place_of_the_frame_again(frame_size, input_size):
    def plane(height, width):
        """The place itself as a picture: x and y, from -1 to 1 between the outermost pixels."""
        return torch.stack(torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing='ij'))

    boxed = letterbox(plane(*frame_size)[None], input_size)
    found = undo_letterbox(boxed, frame_size, input_size)[0]
    height, width = found.shape[1:]
    assert height <= input_size[0] and width <= input_size[1]
    frame_ratio = (frame_size[1] - 1) / (frame_size[0] - 1)
    input_ratio = (input_size[1] - 1) / (input_size[0] - 1)
    # As dense as before, to the nearest place.
    assert max(height / input_size[0], width / input_size[1]) == 1
    if frame_ratio > input_ratio:
        assert abs((height - 1) - (input_size[1] - 1) / frame_ratio) <= 1.5
    else:
        assert abs((width - 1) - (input_size[0] - 1) * frame_ratio) <= 1.5
    # On the rim a place is mixed with the black beside the frame.
    inner = (slice(None), slice(2, -2), slice(2, -2))
    torch.testing.assert_close(found[inner], plane(height, width)[inner], rtol=0, atol=1e-3)


def test_a_frame_of_one_row_is_refused():
    with pytest.raises(ValueError, match='at least 2 pixels'):
        letterbox(torch.rand(1, 3, 1, 40), (97, 97))
