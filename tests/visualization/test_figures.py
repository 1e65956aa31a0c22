"""The parts of figures: size, and frames with their numbers."""

import numpy as np

from videossl.visualization.figures import new_figure, show_frames


def test_a_figure_has_the_size_that_was_asked_for_and_can_be_drawn(tmp_path):
    figure = new_figure(3, 2)
    assert figure.get_size_inches().tolist() == [3, 2]
    figure.savefig(tmp_path / 'empty.png', dpi=50)
    assert (tmp_path / 'empty.png').stat().st_size > 0


def test_numbers_stand_below_the_middles_of_the_first_frames():
    axes = new_figure(3, 2).add_subplot()
    show_frames(axes, np.zeros((6, 40, 3), np.uint8), 4, np.array([7, 9, 11]))
    assert axes.get_xticks().tolist() == [4.5, 14.5, 24.5]
    assert [label.get_text() for label in axes.get_xticklabels()] == ['7', '9', '11']


def test_without_numbers_there_are_no_ticks():
    axes = new_figure(3, 2).add_subplot()
    show_frames(axes, np.zeros((6, 40, 3), np.uint8), 4, [])
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0
