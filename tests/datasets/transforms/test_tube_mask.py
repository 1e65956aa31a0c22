"""Tube masks: how many cells, which of them, and that a draw has its mask by seed and position."""

from collections import Counter

import numpy as np
import pytest

from videossl.datasets import DrawTubeMask
from videossl.datasets.video_dataset import seeded
from videossl.engine import Draw
from videossl.errors import ConfigError


def drawn(height: int, width: int, num_clips: int = 1, **arguments) -> tuple[np.ndarray, np.ndarray]:
    results = DrawTubeMask(**arguments)(dict(imgs=[np.zeros((height, width, 3), np.uint8)], num_clips=num_clips))
    return results['gt_visible_cells'], results['gt_masked_cells']


@pytest.mark.parametrize(
    ('height', 'width', 'arguments', 'visible', 'masked'),
    [
        (224, 224, dict(), 20, 176),
        (224, 224, dict(ratio=0.75), 49, 147),
        (112, 112, dict(ratio=0.75), 13, 36),
        (64, 64, dict(patch_size=8, ratio=0.75), 16, 48),
        (32, 48, dict(), 1, 5),
    ],
)
def test_the_counts_are_the_papers_and_visible_and_masked_cells_are_all(height, width, arguments, visible, masked):
    shown, hidden = drawn(height, width, num_clips=3, **arguments)
    assert shown.shape == (3, visible) and hidden.shape == (3, masked)
    for clip in range(3):
        assert sorted([*shown[clip], *hidden[clip]]) == list(range(visible + masked))
        assert (np.diff(shown[clip]) > 0).all() and (np.diff(hidden[clip]) > 0).all()


def test_each_clip_has_a_mask_of_its_own_and_every_cell_is_masked_equally_often():
    np.random.seed(0)
    _, hidden = drawn(64, 64, num_clips=2000, ratio=0.75)
    assert len({tuple(cells) for cells in hidden}) > 300  # of 560
    counts = Counter(hidden.flatten().tolist())
    expected, deviation = 2000 * 0.75, (2000 * 0.75 * 0.25) ** 0.5
    assert len(counts) == 16 and all(abs(count - expected) < 5 * deviation for count in counts.values())


def test_a_draw_has_its_mask_by_seed_and_position_wherever_it_is_made():
    def mask(seed: int, position: int) -> list:
        with seeded(Draw(0, position, seed)):
            return drawn(224, 224)[1].tolist()

    before = mask(1, 5)
    np.random.rand(3)
    assert mask(1, 5) == before
    assert mask(1, 6) != before and mask(2, 5) != before


@pytest.mark.parametrize(
    ('arguments', 'size', 'message'),
    [
        (dict(patch_size=0), (32, 32), 'patch_size must be an integer'),
        (dict(ratio=1.5), (32, 32), 'ratio must be a number from 0 to 1'),
        (dict(), (112, 100), 'patch_size=16 does not divide frames of 100x112 pixels'),
        (dict(ratio=0.1), (32, 32), 'ratio=0.1 masks 0 of 4 cells'),
        (dict(ratio=1.0), (32, 32), 'ratio=1.0 masks 4 of 4 cells'),
    ],
)
def test_masks_that_cannot_be_drawn_are_refused_by_name(arguments, size, message):
    with pytest.raises(ConfigError, match=message):
        drawn(*size, **arguments)


def test_a_clip_sheet_shows_which_cells_are_masked():
    labels = dict(gt_visible_cells=np.array([[0, 1, 2, 3], [0, 2, 4, 5]]), gt_masked_cells=np.array([[4, 5], [1, 3]]))
    frames = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8)
    transform, before = DrawTubeMask(), frames.copy()
    assert transform.describe_clip(labels, 1) == '2 of 6 cells are masked (pale)'
    shown = transform.draw(frames, labels, 1)
    assert np.array_equal(frames, before) and shown.dtype == np.uint8
    for cell in range(6):
        place = np.s_[:, cell // 3 * 16 : cell // 3 * 16 + 16, cell % 3 * 16 : cell % 3 * 16 + 16]
        if cell in (1, 3):
            assert shown[place].min() >= 204 and (shown[place] >= frames[place]).all()
        else:
            assert np.array_equal(shown[place], frames[place])
