"""Confusion matrices."""

import pickle

import pytest
import torch

from videossl.visualization import count_confusions, draw_confusion_matrix


def test_confusions_are_counted_by_hand():
    counts, unreadable = count_confusions([0, 0, 1, 2, 3, -1], [0, 1, 1, 0, 2, 2], num_classes=3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]] and unreadable == 2
    figure = draw_confusion_matrix(counts, ['run', 'jump', 'sit'], unreadable)
    texts = {
        (round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in figure.axes[0].texts
    }
    assert texts == {(0, 0): '1', (0, 1): '1', (1, 1): '1', (2, 0): '1'}
    assert figure.axes[0].get_title() == '2 of 6 right (33.3%); 2 could not be read: wrong, and in no row'
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ['run', 'jump', 'sit']


@pytest.mark.parametrize(('labels', 'predictions'), [([], []), ([0], [0, 1]), ([0], [3]), ([0], [-1])])
def test_predictions_that_are_none_are_refused(labels, predictions):
    with pytest.raises(ValueError, match='prediction'):
        count_confusions(labels, predictions, num_classes=3)


def test_the_confusion_tool_reads_what_the_test_dumps(analysis_tool, tmp_path, read_picture):
    samples = [dict(pred_score=torch.tensor([0.1, 0.9]), gt_label=torch.tensor([1])) for _ in range(3)]
    (tmp_path / 'predictions.pkl').write_bytes(pickle.dumps(samples))
    tool = analysis_tool('confusion_matrix')
    tool.main([str(tmp_path / 'predictions.pkl'), '--out', str(tmp_path / 'out.png')])
    assert read_picture(tmp_path / 'out.png').std() > 0
    (tmp_path / 'other.pkl').write_bytes(pickle.dumps([dict(score=1)]))
    with pytest.raises(ValueError, match='no predictions'):
        tool.main([str(tmp_path / 'other.pkl'), '--out', str(tmp_path / 'out.png')])
