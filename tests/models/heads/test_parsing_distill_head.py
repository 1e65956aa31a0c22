"""Equation 4 by hand, the decoder, the three kinds of targets, and a teacher that the model does not know as a part."""

import copy
import math

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn

from videossl.models.embeddings import Embeddings
from videossl.models.heads.parsing_distill_head import (
    ParsingDistillHead,
    best_constant_iou,
    mean_iou,
    soft_cross_entropy,
)
from videossl.registry import MODELS

C = 3
MAP = (2, 1, 8, 2, 2, 2)  # [B, V, C, t, h, w]


@MODELS.register_module(name='ColourTeacher')
class ColourTeacher(BaseModule):
    """Logits are the pixels' colours: what it should say is known."""

    num_classes = C
    class_names = ('red', 'green', 'blue')
    left_right_pairs = ((0, 2),)

    def __init__(self, gain=0.02):
        super().__init__()
        self.mix = nn.Conv2d(3, C, 1, bias=False)
        with torch.no_grad():
            self.mix.weight.copy_(gain * torch.eye(3).view(3, 3, 1, 1))
        self.norm = nn.BatchNorm2d(3)
        self.initialised = False

    def init_weights(self):
        self.initialised = True

    def forward(self, frames):
        assert frames.dtype == torch.uint8 and frames.ndim == 4
        assert not self.training and not self.norm.training
        assert not torch.is_autocast_enabled('cpu')
        return self.mix(frames.float())


def small_head(**arguments):
    arguments = dict(dict(in_channels=8, num_classes=C, size=16, decoder_channels=(6, 5, 4)), **arguments)
    return ParsingDistillHead(**arguments)


def frames_of(*sizes):
    return [torch.randint(0, 256, size, dtype=torch.uint8) for size in sizes]


# --------------------------------------------------------------------------------------------------------- Equation 4
def test_the_loss_is_equation_4_by_hand():
    logits = torch.tensor([[[[1.0, -2.0]], [[0.0, 0.5]]], [[[0.0, 3.0]], [[2.0, 1.0]]]])  # [2, 2, 1, 2]
    target = torch.tensor([[[[0.25, 1.0]], [[0.75, 0.0]]], [[[0.5, 0.1]], [[0.5, 0.9]]]])
    total = 0.0
    for n in range(2):
        for x in range(2):
            z = [math.exp(logits[n, c, 0, x]) for c in range(2)]
            total -= sum(target[n, c, 0, x].item() * math.log(z[c] / sum(z)) for c in range(2))
    assert soft_cross_entropy(logits, target).item() == pytest.approx(total / 4, rel=1e-6)


def test_for_targets_without_doubt_the_loss_is_the_usual_cross_entropy():
    logits, classes = torch.randn(2, C, 4, 5), torch.randint(0, C, (2, 4, 5))
    target = nn.functional.one_hot(classes, C).permute(0, 3, 1, 2)
    torch.testing.assert_close(soft_cross_entropy(logits, target), nn.functional.cross_entropy(logits, classes))


def test_the_loss_stays_in_fp32_inside_autocast():
    logits, target = torch.randn(2, C, 4, 4), torch.randn(2, C, 4, 4).softmax(1)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        inside = soft_cross_entropy(logits, target)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, soft_cross_entropy(logits, target), rtol=0, atol=0)


class Fixed(ParsingDistillHead):
    """The real head with a decoder that says what it is told."""

    def __init__(self, answer, **arguments):
        super().__init__(in_channels=8, num_classes=answer.shape[1], decoder_channels=(6, 5, 4), **arguments)
        self.answer = answer

    def forward(self, feature_map):
        return self.answer


def test_kl_is_zero_and_the_loss_the_teachers_entropy_where_both_agree(samples_with):
    teacher_logits = torch.randn(2, 1, C, 4, 4)
    results = Fixed(teacher_logits[:, 0] + 7.0).loss(
        Embeddings(torch.zeros(MAP)), data_samples=samples_with(parsing_logits=teacher_logits)
    )
    entropy = torch.distributions.Categorical(logits=teacher_logits[:, 0].movedim(1, -1)).entropy().mean()
    assert results['kl_parsing'].item() == pytest.approx(0, abs=1e-6)
    assert results['loss_parsing'].item() == pytest.approx(entropy.item(), rel=1e-5)
    assert results['acc_parsing'].item() == 1 and results['miou_parsing'].item() == 1


def test_kl_is_the_divergence_elsewhere_and_has_no_weight(samples_with):
    student, teacher = torch.randn(2, C, 4, 4), torch.randn(2, 1, C, 4, 4)
    results = Fixed(student, loss_weight=3.0).loss(
        Embeddings(torch.zeros(MAP)), data_samples=samples_with(parsing_logits=teacher)
    )
    p, q = (torch.distributions.Categorical(logits=maps.movedim(1, -1)) for maps in (teacher[:, 0], student))
    divergence = torch.distributions.kl_divergence(p, q).mean().item()
    assert results['kl_parsing'].item() == pytest.approx(divergence, rel=1e-4)
    assert results['loss_parsing'].item() == pytest.approx(3 * (divergence + p.entropy().mean().item()), rel=1e-4)
    assert [name for name in results if 'loss' in name] == ['loss_parsing'], 'mmengine adds up whatever is named so'


def test_accuracy_and_iou_of_a_map_that_is_half_right(samples_with):
    answer = torch.tensor([[[[5.0, 5.0, 5.0, 5.0]], [[0.0, 0.0, 0.0, 0.0]]]])  # class 0 everywhere
    samples = samples_with(parsing_mask=torch.tensor([[[[0, 0, 0, 1]]]]))
    results = Fixed(answer).loss(Embeddings(torch.zeros(1, *MAP[1:])), data_samples=samples)
    assert results['acc_parsing'].item() == pytest.approx(0.75)
    assert results['miou_parsing'].item() == pytest.approx((0.75 + 0) / 2)
    assert results['miou_parsing_constant'].item() == pytest.approx(0.75 / 2), 'it is the best constant map'
    assert results['miou_parts'].item() == 0


def test_mean_iou_by_hand_and_without_the_classes_that_do_not_occur():
    prediction, target = torch.tensor([[0, 0, 1], [1, 1, 3]]), torch.tensor([[0, 1, 1], [1, 0, 0]])
    # Class 0: 1 of {0, 1, 4, 5}; class 1: 2 of {1, 2, 3, 4}; class 3: none of {5}; class 2 does not occur.
    assert mean_iou(prediction, target, 4).item() == pytest.approx((1 / 4 + 2 / 4 + 0) / 3)
    assert mean_iou(target, target, 9).item() == 1
    assert mean_iou(prediction, target, 4, first_class=1).item() == pytest.approx((2 / 4 + 0) / 2)
    with pytest.raises(ValueError, match='one shape'):
        mean_iou(prediction, target[:1], 4)


def test_the_best_constant_map_is_the_best_of_all_constant_maps():
    target = torch.tensor([[0, 3, 3], [1, 3, 0]])
    each = [mean_iou(torch.full_like(target, guess), target, 5).item() for guess in range(5)]
    assert best_constant_iou(target, 5).item() == pytest.approx(max(each)) == pytest.approx(3 / 6 / 3)


# ------------------------------------------------------------------------------------------------------- the decoder
def test_the_papers_sizes_give_a_map_of_56_without_resizing():
    head = ParsingDistillHead(size=None)
    assert head(torch.rand(1, 512, 2, 7, 7)).shape == (1, 20, 56, 56)
    widths = [(block.conv.in_channels, block.conv.out_channels) for block in head.decoder]
    assert widths == [(512, 256), (256, 128), (128, 64)]
    assert ParsingDistillHead().size == (56, 56) and head.loss_weight == 1.0 and head.embedding_name == 'human_map'
    assert head.needs_teacher is head.needs_bank is False


def test_the_decoder_sees_the_average_over_time():
    head = small_head().eval()
    feature_map = torch.rand(2, 8, 3, 2, 2)
    same = feature_map.mean(2, keepdim=True).expand(-1, -1, 5, -1, -1)
    torch.testing.assert_close(head(feature_map), head(same))


@pytest.mark.parametrize(('size', 'expected'), [(None, (24, 32)), (10, (10, 10)), ((9, 12), (9, 12))])
def test_the_map_has_the_size_asked_for_or_eight_times_the_input(size, expected):
    assert small_head(size=size)(torch.rand(1, 8, 2, 3, 4)).shape[2:] == expected


def test_the_gradient_reaches_the_map_of_the_student_and_the_decoder(samples_with):
    head = small_head()
    student = torch.rand(MAP, requires_grad=True)
    samples = samples_with(parsing_logits=torch.randn(2, 1, C, 6, 6))
    head.loss(Embeddings(student), data_samples=samples)['loss_parsing'].backward()
    assert student.grad.abs().max() > 0
    assert all(parameter.grad.abs().max() > 0 for parameter in head.parameters())


def test_a_small_head_learns_a_map_by_heart(samples_with):
    head = small_head(size=None)
    student = torch.rand(1, 1, 8, 1, 2, 2)
    samples = samples_with(parsing_mask=(torch.arange(16) > 7).long().view(1, 1, 16, 1).expand(-1, -1, -1, 16))
    optimizer = torch.optim.Adam(head.parameters(), 0.02)
    for _ in range(60):
        results = head.loss(Embeddings(student), data_samples=samples)
        optimizer.zero_grad()
        results['loss_parsing'].backward()
        optimizer.step()
    assert results['miou_parsing'] > 0.9 and results['kl_parsing'] < 0.2


# -------------------------------------------------------------------------------------------------------- the targets
def test_stored_logits_are_resized_before_the_softmax(samples_with):
    # One pixel to two: each of the two is that pixel. Four in a row to two: each the mean of its two, in logits.
    stored = torch.tensor([[[[[8.0, 0.0, -2.0, 0.0]], [[0.0, 0.0, 0.0, 0.0]]]]])  # [1, 1, 2, 1, 4]
    answer = torch.tensor([[[[4.0, -1.0]], [[0.0, 0.0]]]])
    results = Fixed(answer).loss(Embeddings(torch.zeros(1, *MAP[1:])), data_samples=samples_with(parsing_logits=stored))
    assert results['kl_parsing'].item() == pytest.approx(0, abs=1e-6)


def test_maps_of_different_sizes_go_into_one_batch(samples_with):
    samples = samples_with(parsing_logits=[torch.randn(1, C, 6, 6), torch.randn(1, C, 9, 4)])
    assert small_head().loss(Embeddings(torch.rand(MAP)), data_samples=samples)['loss_parsing'].isfinite()


def test_a_mask_becomes_the_share_of_each_class():
    head = small_head(num_classes=2)
    mask = torch.zeros(4, 4, dtype=torch.long)
    mask[0, 0] = mask[2:, 2:] = 1
    assert head._shares(mask, (2, 2))[0, 1].tolist() == [[0.25, 0], [0, 1]]
    up = head._shares(mask, (8, 8))
    assert up.shape == (1, 2, 8, 8)
    torch.testing.assert_close(up.sum(1), torch.ones(1, 8, 8))


def test_the_view_says_which_clips_target_is_meant(samples_with):
    fields = torch.stack([torch.randn(3, C, 4, 4), torch.randn(3, C, 4, 4)])
    head = Fixed(fields[:, 2].clone(), view=2)
    assert (
        head.loss(Embeddings(torch.zeros(MAP), student_views=[2]), data_samples=samples_with(parsing_logits=fields))[
            'kl_parsing'
        ].abs()
        < 1e-6
    )
    several = small_head(view=1).eval()
    student = torch.rand(2, 3, *MAP[2:])
    alone = several.loss(
        Embeddings(student[:, 1:2], student_views=[1]), data_samples=samples_with(parsing_logits=fields)
    )
    torch.testing.assert_close(
        several.loss(Embeddings(student), data_samples=samples_with(parsing_logits=fields)), alone
    )


def test_the_teacher_sees_the_middle_frame_of_the_view_and_is_asked_first(samples_with):
    frames = frames_of((2, 3, 8, 8), (2, 3, 8, 8))
    expected = 0.02 * torch.stack([views[1] for views in frames]).float()
    head = Fixed(expected, teacher=dict(type='ColourTeacher'), view=1)
    samples = samples_with(middle_frames=frames, parsing_logits=torch.randn(2, 1, C, 8, 8))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        results = head.loss(Embeddings(torch.zeros(MAP), student_views=[1]), data_samples=samples)
    assert results['kl_parsing'].item() == pytest.approx(0, abs=1e-6)


# -------------------------------------------------------------------------------------------------------- the teacher
def test_the_teacher_is_in_nothing_that_a_model_counts_as_its_part():
    head = small_head(teacher=dict(type='ColourTeacher'))
    without = small_head()
    assert list(head.state_dict()) == list(without.state_dict())
    assert [name for name, _ in head.named_parameters()] == [name for name, _ in without.named_parameters()]
    assert [name for name, _ in head.named_buffers()] == [name for name, _ in without.named_buffers()]
    assert not any(isinstance(module, ColourTeacher) for module in nn.ModuleDict(dict(head=head)).modules())


def test_a_copy_of_the_head_shares_the_teacher_but_not_the_decoder():
    head = small_head(teacher=dict(type='ColourTeacher'))
    clone = copy.deepcopy(nn.ModuleDict(dict(head=head)))['head']
    assert clone.teacher is head.teacher
    assert clone.classifier.weight is not head.classifier.weight


def test_the_teacher_stays_frozen_in_eval_and_fp32_whatever_is_done_to_the_model():
    head = small_head(teacher=ColourTeacher())
    model = nn.ModuleDict(dict(head=head))
    model.train()
    model.requires_grad_(True)
    model.to(torch.bfloat16)
    assert head.classifier.weight.dtype == torch.bfloat16
    teacher = head.teacher
    assert not any(module.training for module in teacher.modules())
    assert all(value.dtype == torch.float32 and not value.requires_grad for value in teacher.parameters())


def test_the_teacher_follows_to_the_models_device():
    head = small_head(teacher=dict(type='ColourTeacher'))
    nn.ModuleDict(dict(head=head)).to('meta')
    assert {value.device.type for value in head.teacher.parameters()} == {'meta'}


def test_a_teacher_built_from_a_config_is_initialised_and_one_that_is_given_is_left_alone():
    assert small_head(teacher=dict(type='ColourTeacher')).teacher.initialised
    assert not small_head(teacher=ColourTeacher()).teacher.initialised


def test_the_loss_leaves_no_trace_in_the_teacher(samples_with):
    head = small_head(teacher=dict(type='ColourTeacher'))
    before = copy.deepcopy(head.teacher.state_dict())
    head.loss(
        Embeddings(torch.rand(MAP, requires_grad=True)),
        data_samples=samples_with(middle_frames=frames_of((1, 3, 8, 8), (1, 3, 8, 8))),
    )['loss_parsing'].backward()
    assert all(value.grad is None for value in head.teacher.parameters())
    torch.testing.assert_close(head.teacher.state_dict(), before, rtol=0, atol=0)


# ---------------------------------------------------------------------------------------------------------- bad input
def test_a_teacher_of_other_classes_is_refused_when_the_head_is_built():
    with pytest.raises(ValueError, match=r'ColourTeacher has 3 classes \(red, green, blue, ...\).*set num_classes=3'):
        ParsingDistillHead(in_channels=8, num_classes=20, teacher=dict(type='ColourTeacher'))


def test_a_module_that_is_no_teacher_is_refused_with_what_it_lacks():
    with pytest.raises(TypeError, match='Conv2d has no num_classes, class_names, left_right_pairs'):
        small_head(teacher=nn.Conv2d(3, C, 1))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(num_classes=1), 'num_classes must be an integer of at least 2'),
        (dict(size=(56,)), 'size must be'),
        (dict(size=0), 'size must be'),
        (dict(view=-1), 'view must be an integer of at least 0'),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        small_head(**arguments)


def test_missing_targets_are_named_with_what_would_write_them(samples_with):
    samples = samples_with(gt_speed=torch.zeros(2, 1))
    with pytest.raises(KeyError, match='LoadParsingMap.*LoadShapeMask'):
        small_head().loss(Embeddings(torch.rand(MAP)), data_samples=samples)
    with pytest.raises(KeyError, match='keep_middle_frame=True'):
        small_head(teacher=dict(type='ColourTeacher')).loss(Embeddings(torch.rand(MAP)), data_samples=samples)
    with pytest.raises(ValueError, match='0 data samples for 2 maps'):
        small_head().loss(Embeddings(torch.rand(MAP)))


def test_targets_that_do_not_fit_are_refused(samples_with):
    with pytest.raises(ValueError, match='parsing_logits has 4 classes.*num_classes=3'):
        small_head().loss(
            Embeddings(torch.rand(MAP)), data_samples=samples_with(parsing_logits=torch.randn(2, 1, 4, 4, 4))
        )
    with pytest.raises(ValueError, match='classes 0 to 255, which do not fit num_classes=3'):
        masks = torch.tensor([[[[0, 255]]], [[[0, 1]]]])
        small_head().loss(Embeddings(torch.rand(MAP)), data_samples=samples_with(parsing_mask=masks))
    with pytest.raises(ValueError, match='a map, not a pooled vector'):
        small_head().loss(
            Embeddings(torch.rand(2, 1, 8)), data_samples=samples_with(parsing_logits=torch.randn(2, 1, C, 4, 4))
        )
    with pytest.raises(ValueError, match='view=5, but parsing_logits'):
        small_head(view=5).loss(
            Embeddings(torch.rand(MAP), student_views=[5]),
            data_samples=samples_with(parsing_logits=torch.randn(2, 2, C, 4, 4)),
        )
