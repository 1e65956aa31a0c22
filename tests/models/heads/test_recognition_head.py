"""The head of fine-tuning: mmaction2's loss, with accuracies that stay on the device."""

import pytest
import torch
from mmaction.models.heads import I3DHead
from mmaction.structures import ActionDataSample

from videossl.models import RecognitionHead

SCORES = torch.tensor([[3.0, 1.0, 2.0, 0.0], [0.0, 1.0, 2.0, 3.0], [1.0, 4.0, 2.0, 3.0]])


def samples(labels) -> list[ActionDataSample]:
    return [ActionDataSample().set_gt_label(label) for label in labels]


@pytest.mark.parametrize('settings', [{}, dict(label_smooth_eps=0.1), dict(topk=(1, 2, 5)), dict(topk=3)])
@pytest.mark.parametrize('labels', [[0, 1, 3], [2], [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]]])
def test_loss_and_accuracies_are_mmaction2s(settings, labels):
    labels = [label if isinstance(label, int) else torch.tensor(label) for label in labels]
    ours, theirs = (kind(num_classes=4, in_channels=2, **settings) for kind in (RecognitionHead, I3DHead))
    found, expected = (head.loss_by_feat(SCORES[: len(labels)], samples(labels)) for head in (ours, theirs))
    assert list(found) == list(expected)
    for name, value in found.items():
        assert float(value) == pytest.approx(float(expected[name]), abs=1e-6), name


def test_accuracies_are_those_of_a_count_by_hand():
    head = RecognitionHead(num_classes=4, in_channels=2, topk=(1, 2))
    found = head.loss_by_feat(SCORES, samples([0, 2, 3]))
    assert float(found['top1_acc']) == pytest.approx(1 / 3) and float(found['top2_acc']) == 1
    assert head.state_dict().keys() == I3DHead(num_classes=4, in_channels=2).state_dict().keys()
