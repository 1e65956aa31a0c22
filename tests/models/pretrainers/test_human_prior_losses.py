"""The human prior put together: which loss teaches what, Equation 7, and what remains when a part of it is taken away."""

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch.nn import functional as F

from videossl.models import InfoNCEHead, MapNeck, MemoryBank, MomentumPretrainer, ParsingDistillHead, RelativeSpeedHead

WIDTH, DIM, CLASSES = 16, 5, 3  # channels of the last map, of an embedding, of the parsing
PLAIN = dict(type='R3D', base_channels=2)
BRANCHED = dict(type='BranchedBackbone', output='branches', backbone=PLAIN)


def build(backbone=BRANCHED, branch='contrast', human='human', weights=(1.0, 1.0, 1.0), distill=True, seed=0):
    """A small human prior; ``weights``: lambda_k, lambda_m and lambda_a."""
    torch.manual_seed(seed)
    necks = dict(
        appearance=dict(type='ProjectionNeck', in_channels=WIDTH, out_channels=DIM, branch=branch),
        motion=dict(type='ProjectionNeck', in_channels=WIDTH, out_channels=DIM, branch=branch),
    )
    heads = dict(
        appearance=InfoNCEHead(temperature=0.07, embedding_name='appearance', loss_weight=weights[2]),
        motion=RelativeSpeedHead(
            margin=2.0,
            temperature=0.07,
            same_speed_view=1,
            other_speed_view=0,
            embedding_name='motion',
            loss_weight=weights[1],
        ),
    )
    if distill:
        necks['human_map'] = MapNeck(branch=human)
        heads['parsing'] = ParsingDistillHead(
            WIDTH, CLASSES, size=None, decoder_channels=(6, 5, 4), loss_weight=weights[0]
        )
    model = MomentumPretrainer(
        backbone, heads, necks, MemoryBank(7, DIM), student_views=(0,), teacher_views=(2, 1), enqueue=('appearance', 0)
    )
    model.start_teacher()
    return model


@pytest.fixture
def batch():
    """Four samples: a query and two keys, and stored logits for the query's middle frame."""
    generator = torch.Generator().manual_seed(1)
    samples = [ActionDataSample() for _ in range(4)]
    for sample in samples:
        sample.set_field(torch.randn(1, CLASSES, 8, 8, generator=generator), 'parsing_logits')
    return torch.randn(4, 3, 3, 4, 16, 16, generator=generator), samples


def reached(model, loss) -> dict[str, bool]:
    """Of each part, whether a loss gives any of its parameters a gradient other than zero."""
    model.zero_grad()
    loss.backward(retain_graph=True)
    parts = dict(
        shared=model.backbone.shared,
        human=model.backbone.branches['human'],
        contrast=model.backbone.branches['contrast'],
        decoder=model.heads['parsing'],
        appearance=model.necks['appearance'],
        motion=model.necks['motion'],
    )
    return {
        name: any(value.grad is not None and bool(value.grad.abs().max() > 0) for value in part.parameters())
        for name, part in parts.items()
    }


def test_each_loss_teaches_its_own_branch_and_what_is_shared_and_nothing_of_the_other_branch(batch):
    model = build()
    losses = model(*batch, mode='loss')
    nothing = dict.fromkeys(['human', 'contrast', 'decoder', 'appearance', 'motion'], False)
    assert reached(model, losses['loss_parsing']) == {**nothing, 'shared': True, 'human': True, 'decoder': True}
    assert reached(model, losses['loss_motion']) == {**nothing, 'shared': True, 'contrast': True, 'motion': True}
    assert reached(model, losses['loss_appearance']) == {
        **nothing,
        'shared': True,
        'contrast': True,
        'appearance': True,
    }


def test_every_layer_of_the_human_path_has_a_gradient_from_the_distillation_alone(batch):
    model = build()
    model(*batch, mode='loss')['loss_parsing'].backward()
    paths = [
        *model.backbone.shared,
        *model.backbone.branches['human'],
        *model.heads['parsing'].decoder,
        model.heads['parsing'].classifier,
    ]
    for part in paths:
        weights = [value for value in part.parameters() if value.ndim > 1]
        assert all(value.grad.abs().max() > 0 for value in weights), type(part).__name__


def unit(vectors):
    return vectors / vectors.norm(dim=1, keepdim=True)


@pytest.mark.parametrize('weights', [(1.0, 1.0, 1.0), (0.5, 3.0, 2.0), (0.0, 0.0, 1.0)])
def test_the_total_is_equation_7_with_the_three_terms_by_hand(batch, weights):
    clips, samples = batch
    model = build(weights=weights)
    total, log = model.parse_losses(model(clips, samples, mode='loss'))

    def embed(name, part, views):
        pooled = part.backbone(views)['contrast'].mean(dim=(2, 3, 4)) if name != 'map' else None
        layer = part.necks[name].layers[0]
        return unit(pooled @ layer.weight.t() + layer.bias)

    class Averaged:
        backbone, necks = model.teacher['backbone'], model.teacher['necks']

    with torch.no_grad():
        query, same, other = clips.unbind(1)
        motion = embed('motion', model, query)
        gap = (motion * (embed('motion', Averaged, same) - embed('motion', Averaged, other))).sum(1) / 0.07
        l_m = (2 - gap).clamp(min=0).mean()
        anchor, l_a = embed('appearance', model, query), 0
        for key in (same, other):
            positive = (anchor * embed('appearance', Averaged, key)).sum(1) / 0.07
            negatives = (anchor @ model.memory_bank.rows.t() / 0.07).exp().sum(1)
            l_a = l_a - (positive - (positive.exp() + negatives).log()).mean()
        predicted = model.heads['parsing'](model.backbone(query)['human']).log_softmax(1)
        teacher = F.interpolate(
            torch.cat([sample.parsing_logits for sample in samples]), predicted.shape[-2:], mode='bilinear'
        ).softmax(1)
        l_kl = -(teacher * predicted).sum() / (4 * predicted.shape[-2] * predicted.shape[-1])
    assert total.item() == pytest.approx(
        weights[0] * l_kl.item() + weights[1] * l_m.item() + weights[2] * l_a.item(), rel=1e-4
    )
    assert log['loss_parsing'].item() == pytest.approx(weights[0] * l_kl.item(), rel=1e-4)


def test_the_averaged_teacher_has_shared_contrast_and_projections_and_nothing_else():
    model = build()
    student = {name for name, _ in model.named_parameters() if not name.startswith('teacher.')}
    averaged = {
        name
        for name in student
        if name.startswith(('backbone.shared.', 'backbone.branches.contrast.', 'necks.appearance.', 'necks.motion.'))
    }
    assert {name for name, _ in model.teacher.named_parameters()} == averaged
    others = {'.'.join(name.split('.')[:3]) for name in student - averaged}
    assert others == {'backbone.branches.human', 'heads.parsing.decoder', 'heads.parsing.classifier'}
    assert list(model.teacher['necks']) == ['appearance', 'motion']


def gradients(model, batch):
    results = model(*batch, mode='loss')
    sum(value for name, value in results.items() if name.startswith('loss')).backward()
    return (
        {name: value.detach() for name, value in results.items()},
        [value.grad for value in model.backbone.parameters()],
    )


def test_without_distillation_one_branch_is_rspnet_loss_for_loss_and_gradient_for_gradient(batch):
    rspnet, rspnet_gradients = gradients(build(backbone=PLAIN, branch=None, distill=False), batch)
    one_branch, branch_gradients = gradients(
        build(backbone=dict(BRANCHED, branches=['contrast']), distill=False), batch
    )
    assert set(rspnet) == {
        'loss_appearance',
        'acc_appearance',
        'loss_motion',
        'acc_motion',
        'std_student',
        'std_teacher',
    }
    torch.testing.assert_close(one_branch, rspnet, rtol=0, atol=0)
    torch.testing.assert_close(branch_gradients, rspnet_gradients, rtol=0, atol=0)


def test_the_human_branch_does_not_change_the_contrastive_losses(batch):
    rspnet, full = build(backbone=PLAIN, branch=None, distill=False), build()
    for name, value in rspnet.backbone.state_dict().items():
        stage = name.split('.')[0]
        place = 'shared' if stage in dict(full.backbone.shared.named_children()) else 'branches.contrast'
        full.backbone.state_dict()[f'{place}.{name}'].copy_(value)
    for neck in ('appearance', 'motion'):
        full.necks[neck].load_state_dict(rspnet.necks[neck].state_dict())
    full.memory_bank.load_state_dict(rspnet.memory_bank.state_dict())
    full.start_teacher()
    alone, together = rspnet(*batch, mode='loss'), full(*batch, mode='loss')
    for name in alone:
        torch.testing.assert_close(together[name], alone[name], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(full.pending_keys[0], rspnet.pending_keys[0])


def test_one_representation_for_all_tasks_is_the_plain_net_and_every_loss_reaches_all_of_it(batch):
    model = build(backbone=PLAIN, branch=None, human=None)
    losses = model(*batch, mode='loss')
    for name in ('loss_parsing', 'loss_motion', 'loss_appearance'):
        model.zero_grad()
        losses[name].backward(retain_graph=True)
        weights = [value for value in model.backbone.parameters() if value.ndim > 1]
        assert all(value.grad is not None and value.grad.abs().max() > 0 for value in weights), name
    assert [name for name, _ in model.teacher['backbone'].named_parameters()] == [
        name for name, _ in model.backbone.named_parameters()
    ]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(human='humans'), 'necks.human_map reads the branch "humans"'),
        (dict(backbone=PLAIN), 'R3D has none'),
        (dict(backbone=dict(BRANCHED, output='concat')), 'set backbone.output="branches"'),
    ],
)
def test_a_branch_that_is_not_there_is_refused_when_the_model_is_built(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)
