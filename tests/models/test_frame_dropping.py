"""The frame-dropping adversary: what it drops, and whose gradient goes where, against explicit backward passes."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from videossl.errors import ConfigError
from videossl.models import (
    FrameDropAdversary,
    FrameDropGenerator,
    InfoNCEHead,
    MemoryBank,
    MomentumPretrainer,
    ProjectionNeck,
)
from videossl.models.frame_dropping import drop_frames
from videossl.registry import MODELS

CLIPS = (3, 2, 3, 8, 8, 8)  # two of eight frames are dropped
TINY = dict(type='FrameDropGenerator', frame_size=4, channels=2, hidden_channels=3)


@pytest.fixture
def build(small_backbone):
    """A function from the adversary's arguments to a small VideoMoCo whose teacher is the student's copy."""

    def build(**adversary) -> MomentumPretrainer:
        torch.manual_seed(0)
        model = MomentumPretrainer(
            backbone=small_backbone(),
            heads=dict(video=InfoNCEHead(embedding_name='projection', name='video')),
            necks=dict(projection=ProjectionNeck(4, 6)),
            memory_bank=MemoryBank(9, 6),
            adversary=dict(type='FrameDropAdversary', generator=TINY, **adversary),
        )
        model.start_teacher()
        return model

    return build


# --------------------------------------------------------------------------------------------------------- dropping frames
@pytest.mark.parametrize('smallest', [True, False])
def test_eight_of_32_frames_become_their_own_mean_and_the_others_stay_to_the_bit(smallest):
    clips, scores = torch.randn(2, 3, 32, 5, 6), torch.rand(2, 32)
    left = drop_frames(clips, scores, 8, smallest)
    for clip, of_clip, row in zip(clips, left, scores):
        order = row.argsort(descending=not smallest).tolist()
        for frame in range(32):
            whole, now = clip[:, frame], of_clip[:, frame]
            if frame in order[:8]:
                assert now.unique().numel() == 1
                assert now[0, 0, 0].item() == pytest.approx(whole.double().mean().item(), abs=1e-6)
            else:
                assert torch.equal(now, whole)


def test_every_frames_score_gets_the_sum_of_the_gradient_over_the_frame():
    clips, scores = torch.randn(2, 3, 8, 4, 4), torch.rand(2, 8, requires_grad=True)
    slope = torch.randn(2, 3, 8, 4, 4)
    (drop_frames(clips, scores, 2) * slope).sum().backward()
    torch.testing.assert_close(scores.grad, slope.sum(dim=(1, 3, 4)))


@pytest.mark.parametrize(('clip_len', 'count'), [(32, 8), (16, 4), (10, 2), (4, 1)])
def test_a_quarter_of_the_frames_is_dropped_rounded_down(clip_len, count):
    adversary = FrameDropAdversary(TINY)
    assert adversary.num_dropped(clip_len) == count
    changed = adversary.drop(torch.randn(1, 2, 3, clip_len, 6, 6))
    assert changed.clips.shape == (1, 2, 3, clip_len, 6, 6) and changed.scores.shape == (2, clip_len)
    flat = (changed.clips.amax((2, 4, 5)) == changed.clips.amin((2, 4, 5))).sum(dim=2)
    assert flat.tolist() == [[count, count]]


@pytest.mark.parametrize('shape', [(2, 3, 32, 112, 112), (1, 3, 5, 7, 9), (3, 3, 2, 3, 40)])
def test_the_generator_scores_frames_of_clips_of_any_length_and_size(shape):
    scores = FrameDropGenerator()(torch.randn(shape))
    assert scores.shape == (shape[0], shape[2]) and scores.min() > 0
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(shape[0]))


def test_a_frames_score_depends_on_the_frames_before_and_after_it():
    torch.manual_seed(0)
    generator, clip = FrameDropGenerator(), torch.randn(1, 3, 6, 16, 16)
    logits = generator(clip).log()
    for frame in (0, 5):
        changed = clip.clone()
        changed[:, :, frame] += 1
        difference = generator(changed).log() - logits
        others = [other for other in range(6) if other != frame]
        # A change of all others by one amount would be the softmax's.
        assert difference[0, others].std() > 1e-5


def test_the_generator_computes_in_fp32_inside_autocast():
    generator, clips = FrameDropGenerator(frame_size=4), torch.randn(2, 3, 4, 8, 8)
    expected = generator(clips)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(generator(clips), expected)


# ------------------------------------------------------------------------------------------------------- whose gradient
def embedding_by_hand(state: dict, clips):
    """The student's unit vectors of clips [B, 3, T, H, W], batch norm by the batch."""
    maps = F.batch_norm(F.conv3d(clips, state['backbone.conv.weight'], stride=2, padding=1), None, None, training=True)
    maps = maps * state['backbone.bn.weight'].view(1, -1, 1, 1, 1) + state['backbone.bn.bias'].view(1, -1, 1, 1, 1)
    layer = 'necks.projection.layers.0.'
    embedding = maps.clamp(min=0).mean((2, 3, 4)) @ state[f'{layer}weight'].t() + state[f'{layer}bias']
    return F.normalize(embedding, dim=1)


def losses_by_hand(model, clips):
    """Both losses of the released code, by functions alone, and the parameters that they depend on."""
    state = {name: value.detach().clone().requires_grad_() for name, value in model.named_parameters()}
    generator = copy.deepcopy(model.adversary.generator)
    scores = generator(clips[:, 0])
    chosen = scores.argsort(dim=1)[:, :2]
    dropped = torch.zeros(3, 8, dtype=torch.bool).scatter_(1, chosen, True).view(3, 1, 8, 1, 1)
    masked = torch.where(dropped, clips[:, 0].mean((1, 3, 4), keepdim=True), clips[:, 0])
    student = embedding_by_hand(state, masked + (scores - scores.detach()).view(3, 1, 8, 1, 1))
    whole = embedding_by_hand(state, clips[:, 0]).detach()
    keys = embedding_by_hand(state, clips[:, 1]).detach()
    adversarial = -100 * (student - whole).abs().sum() / (3 * 6)
    candidates = torch.cat([(student * keys).sum(1, keepdim=True), student @ model.memory_bank.rows.t()], dim=1)
    contrast = F.cross_entropy(candidates / 0.07, torch.zeros(3, dtype=torch.long))
    return adversarial, contrast, state, generator


@pytest.mark.parametrize('sees', ['adversarial', 'both'])
def test_one_backward_pass_gives_the_gradients_of_two_explicit_ones(build, sees):
    model, clips = build(generator_sees=sees), torch.randn(CLIPS)
    adversarial, contrast, state, generator = losses_by_hand(model, clips)
    results = model(clips, mode='loss')
    assert results['loss_generator'].item() == pytest.approx(adversarial.item(), rel=1e-4)
    assert results['loss_video'].item() == pytest.approx(contrast.item(), rel=1e-4)
    (results['loss_video'] + results['loss_generator']).backward()

    names = [name for name in state if name.startswith(('backbone.', 'necks.'))]
    encoder = torch.autograd.grad(contrast, [state[name] for name in names], retain_graph=True)
    for name, expected in zip(names, encoder):
        torch.testing.assert_close(dict(model.named_parameters())[name].grad, expected, atol=1e-5, rtol=1e-3)
    scale = 0
    (adversarial + (contrast if sees == 'both' else 0)).backward()
    for name, parameter in generator.named_parameters():
        grad = dict(model.adversary.generator.named_parameters())[name].grad
        scale = max(scale, grad.abs().max().item())
        torch.testing.assert_close(grad, parameter.grad, atol=1e-6, rtol=1e-3, msg=name)
    assert scale > 1e-3, 'equality would mean little'


def test_the_value_is_minus_the_weight_times_the_mean_difference_and_the_sum_is_what_a_runner_logs(build):
    model, clips = build(loss_weight=7.0), torch.randn(CLIPS)
    adversarial, contrast, *_ = losses_by_hand(model, clips)
    total, log = model.parse_losses(model(clips, mode='loss'))
    assert log['loss_generator'].item() == pytest.approx(0.07 * adversarial.item(), rel=1e-4)
    assert total.item() == pytest.approx(0.07 * adversarial.item() + contrast.item(), rel=1e-4)


def test_every_parameter_learns_in_bf16_too(build):
    model = build()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        results = model(torch.randn(CLIPS), mode='loss')
    (results['loss_video'] + results['loss_generator']).backward()
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    found = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert found == learning and any(name.startswith('adversary.') for name in found)


@pytest.mark.parametrize('why', ['not begun', 'evaluation'])
def test_where_the_adversary_rests_all_is_as_without_it(build, why):
    model, clips = build(), torch.randn(CLIPS)
    model.adversary.active = why != 'not begun'
    without = build()
    without.adversary = None
    for each in (model, without):
        each.train(why == 'not begun')
    found, expected = model(clips, mode='loss'), without(clips, mode='loss')
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)
    found['loss_video'].backward()
    assert all(parameter.grad is None for parameter in model.adversary.parameters())


def test_running_statistics_see_what_is_left_and_the_whole(build):
    model, clips = build(), torch.randn(CLIPS)
    model.backbone.bn.momentum = None  # a plain average over passes
    model(clips, mode='loss')
    assert model.backbone.bn.num_batches_tracked == 2
    assert model.teacher['backbone'].bn.num_batches_tracked == 1


# ------------------------------------------------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(ratio=0), 'FrameDropAdversary: ratio must lie between 0 and 1'),
        (dict(ratio=1), 'FrameDropAdversary: ratio must lie between 0 and 1'),
        (dict(drop='least'), "FrameDropAdversary: drop must be one of 'smallest', 'largest'"),
        (dict(generator_sees='all'), "FrameDropAdversary: generator_sees must be one of 'adversarial', 'both'"),
        (dict(loss_weight=0), 'FrameDropAdversary: loss_weight must be positive'),
        (dict(loss_weight=float('inf')), 'FrameDropAdversary: loss_weight must be positive, got inf'),
        (dict(generator=dict(type='FrameDropGenerator', frame_size=6)), 'frame_size must be a multiple of 4, got 6'),
        (dict(generator=dict(type='FrameDropGenerator', channels=0)), 'FrameDropGenerator: channels must be'),
    ],
)
def test_senseless_settings_are_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        FrameDropAdversary(**arguments)


def test_a_generator_that_gives_no_score_for_each_frame_is_refused():
    with pytest.raises(ConfigError, match='model.adversary.generator: Flatten must give a score for each frame'):
        FrameDropAdversary(nn.Flatten(1)).drop(torch.randn(3, 2, 3, 4, 8, 8))


def test_clips_too_short_to_drop_a_frame_are_refused_by_the_configs_key(build):
    with pytest.raises(ConfigError, match=r'model.adversary.ratio=0.25 of clips of 3 frame\(s\).*clip_len'):
        build()(torch.randn(3, 2, 3, 3, 8, 8), mode='loss')


def test_a_runner_needs_the_hook_that_says_when_it_begins(build):
    assert build().required_hooks == ('MomentumTeacherHook', 'MemoryBankHook', 'AdversaryHook')


def test_a_generator_of_ones_own_takes_the_place_of_the_built_in(build):
    class Ramp(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = nn.Parameter(torch.ones(()))

        def forward(self, clips):
            return (self.slope * torch.arange(clips.shape[2])).expand(len(clips), -1)

    adversary = MODELS.build(dict(type='FrameDropAdversary', generator=Ramp(), drop='largest', ratio=0.5))
    clips = torch.randn(1, 1, 3, 4, 5, 5)
    left = adversary.drop(clips).clips
    assert torch.equal(left[:, :, :, :2], clips[:, :, :, :2]) and left[0, 0, :, 2].unique().numel() == 1
