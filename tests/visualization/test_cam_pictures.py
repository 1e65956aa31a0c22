"""Maps laid over clips, as video and as contact sheet."""

import av
import numpy as np
import pytest

from videossl.visualization import draw_cam_sheet, overlay, write_cam_video


def test_an_overlay_goes_from_blue_to_red():
    mixed = overlay(np.full((1, 1, 2, 3), 100, np.uint8), np.array([[[0.0, 1.0]]]), strength=0.5)
    assert mixed.tolist() == [[[[50, 50, 114], [114, 50, 50]]]]  # JET ends in dark blue and dark red, 128
    with pytest.raises(ValueError, match='does not go'):
        overlay(np.zeros((1, 2, 2, 3), np.uint8), np.zeros((1, 3, 2)))


def test_a_video_has_all_frames_of_all_clips_with_the_map_to_the_right(tmp_path):
    clips, maps = np.full((2, 5, 40, 60, 3), 128, np.uint8), np.zeros((2, 5, 40, 60))
    write_cam_video(tmp_path / 'cam.mp4', clips, maps)
    with av.open(str(tmp_path / 'cam.mp4')) as container:
        frames = [frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)]
    assert len(frames) == 10 and frames[0].shape == (240, 720, 3)
    left, right = frames[0][:, :350].mean((0, 1)), frames[0][:, 370:].mean((0, 1))
    assert np.abs(left - 128).max() < 6 and right[2] > right[0] + 30
    assert [path.name for path in tmp_path.iterdir()] == ['cam.mp4']


def test_a_contact_sheet_has_a_row_a_clip_that_says_what_is_shown(pixels):
    figure = draw_cam_sheet(
        np.zeros((2, 16, 8, 8, 3), np.uint8), np.zeros((2, 16, 8, 8)), ['this', 'that'], 'video.mp4'
    )
    assert [axes.get_title(loc='left') for axes in figure.axes] == ['this', 'that']
    assert figure.axes[0].images[0].get_array().shape == (2 * 12, 8 * 12, 3)
    assert pixels(figure).std() > 0
    with pytest.raises(ValueError, match='equally many'):
        draw_cam_sheet(np.zeros((2, 16, 8, 8, 3), np.uint8), np.zeros((1, 16, 8, 8)), ['this'])


def test_numbers_of_the_frames_shown_stand_below_them():
    clips, maps = np.zeros((1, 16, 8, 8, 3), np.uint8), np.zeros((1, 16, 8, 8))
    figure = draw_cam_sheet(clips, maps, ['this'], frame_inds=100 + 2 * np.arange(16)[None])
    shown = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert len(shown) == 8 and shown[0] == '100' and shown[-1] == '130'
    assert not draw_cam_sheet(clips, maps, ['this']).axes[0].get_xticklabels()
    with pytest.raises(ValueError, match='frame numbers'):
        draw_cam_sheet(clips, maps, ['this'], frame_inds=np.arange(16))


def test_a_map_of_colours_is_shown_by_itself():
    colours = np.zeros((1, 2, 8, 8, 3))
    colours[..., 1] = 1
    assert overlay(np.full((2, 8, 8, 3), 100, np.uint8), colours[0]).max((0, 1, 2)).tolist() == [0, 255, 0]
    figure = draw_cam_sheet(np.zeros((1, 2, 8, 8, 3), np.uint8), colours, ['components'])
    assert 'alike' in figure.get_suptitle()
